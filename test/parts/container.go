package parts

import (
	"context"
	"fmt"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"
)

// The images, with the versions that the script parts runs.
const (
	kafkaImage    = "apache/kafka:4.3.1"
	registryImage = "apicurio/apicurio-registry:3.0.9"
	awsImage      = "motoserver/moto:5.2.5"
)

func startKafka(ctx context.Context) (string, error) {
	// A broker tells its clients where to find it, so the port that Docker
	// maps must be known before the broker starts.
	port, err := freePort()
	if err != nil {
		return "", err
	}
	host, err := dockerHost(ctx)
	if err != nil {
		return "", err
	}
	return start(ctx, testcontainers.ContainerRequest{
		Name:         "sellerstream-kafka-" + testcontainers.SessionID(),
		Image:        kafkaImage,
		ExposedPorts: []string{"9092/tcp"},
		HostConfigModifier: func(c *container.HostConfig) {
			c.PortBindings = network.PortMap{network.MustParsePort("9092/tcp"): {{HostPort: port}}}
		},
		Env: map[string]string{
			"KAFKA_NODE_ID":                                          "1",
			"KAFKA_PROCESS_ROLES":                                    "broker,controller",
			"KAFKA_LISTENERS":                                        "PLAINTEXT://:9092,CONTROLLER://:9093",
			"KAFKA_ADVERTISED_LISTENERS":                             fmt.Sprintf("PLAINTEXT://%s:%s", host, port),
			"KAFKA_LISTENER_SECURITY_PROTOCOL_MAP":                   "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
			"KAFKA_CONTROLLER_LISTENER_NAMES":                        "CONTROLLER",
			"KAFKA_CONTROLLER_QUORUM_VOTERS":                         "1@localhost:9093",
			"KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR":                 "1",
			"KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR":         "1",
			"KAFKA_TRANSACTION_STATE_LOG_MIN_ISR":                    "1",
			"KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
			"KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR":            "1",
			"KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS":                 "0",
			"KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS":                     "1000",
			"KAFKA_AUTO_CREATE_TOPICS_ENABLE":                        "false",
			"KAFKA_MESSAGE_MAX_BYTES":                                "4194304",
		},
		WaitingFor: wait.ForLog("Kafka Server started"),
	}, "9092/tcp", "%s:%s")
}

func startRegistry(ctx context.Context) (string, error) {
	return start(ctx, testcontainers.ContainerRequest{
		Name:         "sellerstream-registry-" + testcontainers.SessionID(),
		Image:        registryImage,
		ExposedPorts: []string{"8080/tcp"},
		WaitingFor:   wait.ForHTTP("/apis/ccompat/v7/subjects").WithPort("8080/tcp"),
	}, "8080/tcp", "http://%s:%s/apis/ccompat/v7")
}

func startAWS(ctx context.Context) (string, error) {
	return start(ctx, testcontainers.ContainerRequest{
		Name:         "sellerstream-aws-" + testcontainers.SessionID(),
		Image:        awsImage,
		ExposedPorts: []string{"5000/tcp"},
		WaitingFor:   wait.ForHTTP("/moto-api/data.json").WithPort("5000/tcp"),
	}, "5000/tcp", "http://%s:%s")
}

// start runs a container, or finds the one that another test of this `go test`
// has started: the names hold the session's id, and testcontainers' own
// reaper removes them at its end. format takes the host and the mapped port.
func start(ctx context.Context, req testcontainers.ContainerRequest, port, format string) (string, error) {
	if _, err := dockerHost(ctx); err != nil {
		return "", err
	}
	c, err := testcontainers.GenericContainer(ctx, testcontainers.GenericContainerRequest{
		ContainerRequest: req, Started: true, Reuse: true,
	})
	if err != nil {
		return "", fmt.Errorf("start %s: %w", req.Image, err)
	}
	host, err := c.Host(ctx)
	if err != nil {
		return "", err
	}
	mapped, err := c.MappedPort(ctx, port)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(format, host, mapped.Port()), nil
}

// dockerHost is where mapped ports are reached. It fails where there is no
// Docker, for which testcontainers panics.
func dockerHost(ctx context.Context) (host string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("docker cannot be reached: %v", r)
		}
	}()
	provider, err := testcontainers.NewDockerProvider()
	if err != nil {
		return "", fmt.Errorf("docker cannot be reached: %w", err)
	}
	defer provider.Close()
	if err := provider.Health(ctx); err != nil {
		return "", fmt.Errorf("docker cannot be reached: %w", err)
	}
	return provider.DaemonHost(ctx)
}
