// Package clients runs sessions of public clients of the SP-API against the simulator:
// Amazon's own SDKs for Python and JavaScript, python-amazon-sp-api, amazon-sp-api and
// @sp-api-sdk. They are installed in the versions that the tests pin, and nothing in them
// is changed. `make clients` runs the tests; docs/SIMULATOR.md shows how each is configured.
package clients
