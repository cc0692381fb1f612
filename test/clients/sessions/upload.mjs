import https from 'node:https';

// upload sends a document to a presigned URL, and gives the answer's status.
export const upload = (url, body) => new Promise((done, failed) => {
  const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
  https.request(url, { method: 'PUT', headers }, (answer) => { answer.resume(); done(answer.statusCode); }).on('error', failed).end(body);
});
