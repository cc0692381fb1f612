package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
)

// maxFile bounds a download. The largest of the pinned files has 300 KB.
const maxFile = 4 << 20

// File is a file of a release.
type File struct {
	Path   string // in the models folder, with slashes
	At     string // in Amazon's repository
	SHA256 string // in hexadecimal
}

// Release is a fixed state of Amazon's models.
type Release struct {
	Name   string // of its folder in the cache
	Base   string // URL in front of each file's At
	Files  []File
	Client *http.Client
}

// Pinned is the release that the project is compared with:
// amzn/selling-partner-api-models of 2026-08-05.
func Pinned() Release {
	const commit = "34dc93fe45f37c9a0b2e56823c808f68b4f81754"
	return Release{
		Name: commit,
		Base: "https://raw.githubusercontent.com/amzn/selling-partner-api-models/" + commit + "/",
		Files: []File{
			{"feeds_2021-06-30.json", "models/feeds-api-model/feeds_2021-06-30.json", "ab235b4a0e5ce21083b885dd4f2b8cae7a6f597d7adf2647b47b90d6f5098a16"},
			{"listingsItems_2021-08-01.json", "models/listings-items-api-model/listingsItems_2021-08-01.json", "ddba7322661a227b6148dabadaf93da15dde6dfe0eb828c04e9f8b653b8d2557"},
			{"notifications.json", "models/notifications-api-model/notifications.json", "6a5e945f2a53a91b9b97c27cd4570dc399db3dde2b777f623fc226fbcdc8469a"},
			{"ordersV0.json", "models/orders-api-model/ordersV0.json", "027ac6f5c97126647c6925db9be09f78c7c741cd1d8727a5367374a1846bedc5"},
			{"orders_2026-01-01.json", "models/orders-api-model/orders_2026-01-01.json", "4bd47126b466b94ccb04d822e3b94edee1fa7977a8b376a8c329852ef61be431"},
			{ReportsModel, "models/reports-api-model/reports_2021-06-30.json", "d72db9e5280262a92933a0e45e2207c150272f1d66177b2517c20671d69c732c"},
			{"tokens_2021-03-01.json", "models/tokens-api-model/tokens_2021-03-01.json", "3cd09ae7f218c83f32536a894cb8c42f2191c94b9c27f6bcf0a164442089b061"},
			{"schemas/FeedProcessingFinishedNotification.json", "schemas/notifications/FeedProcessingFinishedNotification.json", "1fb37ef302b3a1ef3e6242f9d6fadce84e8fc0ebb30989aa2c8796f1870005c4"},
			{"schemas/ListingsItemMfnQuantityChange.json", "schemas/notifications/ListingsItemMfnQuantityChange.json", "f4e1c1fbe02c499ad1321b80714321211f8c2ee06179442e0805af1820154164"},
			{"schemas/ListingsItemStatusChangeNotification.json", "schemas/notifications/ListingsItemStatusChangeNotification.json", "0b6a6a24411f81e57d753eaf191c4e45a1ccd5b73a64471f7bef0b233fdb4edd"},
			{"schemas/OrderChangeNotification.json", "schemas/notifications/OrderChangeNotification.json", "f6ab36175ddd363d80a39964708f44ba311879ce603bdebd66e33740e87f5b9c"},
			{"schemas/listings-feed-message-schema-v2.json", "schemas/feeds/listings-feed-message-schema-v2.json", "352ede68b5f16aba7946edc11e5ec7f02b84c9700cf40945fe6ed895b2d523f2"},
			{"schemas/listings-feed-processing-report-schema-v2.example.json", "schemas/feeds/listings-feed-processing-report-schema-v2.example.json", "035a5a0c88c8b5b627060c9542961718b8fdc619872b134a58428a1ec5d84686"},
			{"schemas/listings-feed-processing-report-schema-v2.json", "schemas/feeds/listings-feed-processing-report-schema-v2.json", "03daac9d3fa97d729efb3f3c2836c664036a8ef32a9829363d8026bb097178fd"},
			{"schemas/listings-feed-schema-v2.example.json", "schemas/feeds/listings-feed-schema-v2.example.json", "2292b618715a5b3ad229fc30f1a52a7ad649dad56a97413253171b32c96f3a0b"},
			{"schemas/listings-feed-schema-v2.json", "schemas/feeds/listings-feed-schema-v2.json", "9f6c00a109f086c269427ae1bc4afe1f9ba49ff8df46de9de939fa2c9f00e1ef"},
		},
	}
}

// Fetch is the folder below cache that holds the release. What is not there, or
// is not what it should be, is downloaded.
func (r Release) Fetch(ctx context.Context, cache string) (string, error) {
	directory := filepath.Join(cache, r.Name)
	for _, file := range r.Files {
		path := filepath.Join(directory, filepath.FromSlash(file.Path))
		held, err := os.ReadFile(path)
		if err == nil && checksum(held) == file.SHA256 {
			continue
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		content, err := r.download(ctx, file)
		if err != nil {
			return "", fmt.Errorf("download %s: %w", r.Base+file.At, err)
		}
		if err := write(path, content); err != nil {
			return "", err
		}
	}
	return directory, nil
}

func (r Release) download(ctx context.Context, file File) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.Base+file.At, nil)
	if err != nil {
		return nil, err
	}
	answer, err := r.Client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, errors.New(answer.Status)
	}
	content, err := io.ReadAll(io.LimitReader(answer.Body, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxFile {
		return nil, fmt.Errorf("it is larger than %d bytes", maxFile)
	}
	if got := checksum(content); got != file.SHA256 {
		return nil, fmt.Errorf("its SHA-256 is %s, not %s: it is not the file that was pinned", got, file.SHA256)
	}
	return content, nil
}

// write makes the file whole or not at all: other test binaries may look for it
// at the same time.
func write(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".download-*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(content)
	if err := errors.Join(err, temporary.Close()); err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return os.Rename(temporary.Name(), path)
}

func checksum(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
