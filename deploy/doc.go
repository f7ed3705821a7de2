// Package deploy holds the configuration of a deployment with Docker: README.md
// beside this file tells how to start it. It has no code; its tests hold that
// docker-compose.yml and the files that it mounts fit each other and the
// program, as far as that can be known without a container engine:
//
//   - every file, volume, service, command, setting and secret that one of them
//     names is there;
//   - nothing is published beyond loopback, and no secret is in git;
//   - the broker, started from its configuration, syncs every write, takes the
//     largest message of the stream, and keeps producers from reading.
package deploy
