// Package enginetest gives tests the real engines: one ClickHouse engine a test binary, a database a test; a NATS server
// of its own for each test that asks. A machine on which the engine cannot run fails the tests and says what to do; no
// test is skipped.
//
// A package that uses it has
//
//	func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }
//
// GAPWISE_CLICKHOUSE_ADDR (host:port, with GAPWISE_CLICKHOUSE_USER and GAPWISE_CLICKHOUSE_PASSWORD) names an outside
// ClickHouse to use instead, for machines that the engine has no build for; GAPWISE_NATS_URL names an outside broker
// for [NATSURL]. [NewNATS] needs no outside server: the broker runs wherever Go does.
package enginetest
