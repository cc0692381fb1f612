// Package lwa owns Login with Amazon: who may log in, the access tokens that it
// gave, and what each allows.
package lwa
