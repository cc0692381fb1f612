// Package documents owns the storage behind presigned URLs: the simulator's S3.
package documents
