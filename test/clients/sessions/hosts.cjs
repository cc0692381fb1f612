// Leads Amazon's hosts to the simulator, whose port SIMULATOR_PORT is.
const tls = require('node:tls');
const connect = tls.connect;
tls.connect = (options, ...rest) =>
  connect(/\.amazon(aws)?\.com$|\.amazon\.co\.(uk|jp)$/.test(options.host)
    ? { servername: options.host, ...options, host: '127.0.0.1', port: Number(process.env.SIMULATOR_PORT) }
    : options, ...rest);
