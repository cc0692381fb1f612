// Package admin owns the endpoint through which people and other processes watch
// and steer the simulator, and the guide that explains it.
package admin
