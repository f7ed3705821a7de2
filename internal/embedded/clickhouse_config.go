package embedded

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"text/template"
)

const (
	configFile = "config.xml"
	usersFile  = "users.xml"
)

// servingQuery opens the listeners and then never ends: while it runs, the engine serves. It is the session that the
// soft stop kills. One row sleeps one second, so a kill is noticed within one.
const servingQuery = "SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP; " +
	"SELECT ignore(sleepEachRow(1)) FROM system.numbers FORMAT Null " +
	"SETTINGS max_block_size=1, function_sleep_max_microseconds_per_block=0"

// killServingQuery matches the engine's own session, the only one without a user name.
const killServingQuery = "KILL QUERY WHERE user = '' ASYNC"

type configValues struct {
	Dir, DataDir, BackupDir, LogFile, UsersFile string
	User, PasswordHash                          string
	MaxMemory                                   uint64
}

// Sized for a small machine: idle memory and idle wake-ups count more than the last percent of throughput.
// Every system log table is off: the engine makes one only when its section is present (query_log: when a profile asks).
var configTemplate = template.Must(template.New(configFile).Parse(`<?xml version="1.0"?>
<!-- Written anew by gapwise at every start. -->
<clickhouse>
    <log-level>error</log-level>
    <logger>
        <log>{{html .LogFile}}</log>
        <size>5M</size>
        <count>2</count>
        <!-- A failed query's text may name a learner, and its client tells the error: nothing of it here. -->
        <levels>
            <executeQuery>none</executeQuery>
            <TCPHandler>none</TCPHandler>
            <DynamicQueryHandler>none</DynamicQueryHandler>
        </levels>
    </logger>
    <path>{{html .DataDir}}/</path>
    <timezone>UTC</timezone>
    <users_config>{{html .UsersFile}}</users_config>
    <user_directories><users_xml><path>{{html .UsersFile}}</path></users_xml></user_directories>
    <backups><allowed_path>{{html .BackupDir}}</allowed_path></backups>

    <max_connections>256</max_connections>
    <max_concurrent_queries>64</max_concurrent_queries>

    <!-- The smaller of the two holds; the engine knows a container's limit. -->
    <max_server_memory_usage>{{.MaxMemory}}</max_server_memory_usage>
    <max_server_memory_usage_to_ram_ratio>0.5</max_server_memory_usage_to_ram_ratio>
    <mark_cache_size>67108864</mark_cache_size>
    <primary_index_cache_size>67108864</primary_index_cache_size>
    <index_mark_cache_size>16777216</index_mark_cache_size>
    <uncompressed_cache_size>0</uncompressed_cache_size>
    <compiled_expression_cache_size>16777216</compiled_expression_cache_size>
    <query_condition_cache_size>16777216</query_condition_cache_size>

    <background_pool_size>2</background_pool_size>
    <background_schedule_pool_size>4</background_schedule_pool_size>
    <merge_tree>
        <!-- No query here is planned by statistics, and they cost a twentieth of each insert and merge. -->
        <auto_statistics_types></auto_statistics_types>
        <!-- A merge that leaves the smallest parts for later takes only one of those that come live,
             and writes the large ones again for each of them. -->
        <merge_selector_enable_heuristic_to_remove_small_parts_at_right>0</merge_selector_enable_heuristic_to_remove_small_parts_at_right>
    </merge_tree>
    <asynchronous_metrics_update_period_s>60</asynchronous_metrics_update_period_s>

    <!-- A dropped generation gives its space back at once, whatever its size. -->
    <database_atomic_delay_before_drop_table_sec>0</database_atomic_delay_before_drop_table_sec>
    <max_table_size_to_drop>0</max_table_size_to_drop>
    <max_partition_size_to_drop>0</max_partition_size_to_drop>
</clickhouse>
`))

// The engine's own session logs in as "default" without a password, and the engine can't tell it from another local
// process: it gets the rights of the serving query and no more. The other user has what Gapwise needs; it reads no
// files and calls no other hosts.
//
// The query profilers are off because they interrupt threads by signals, which belong to the Go runtime in the child.
var usersTemplate = template.Must(template.New(usersFile).Parse(`<?xml version="1.0"?>
<!-- Written anew by gapwise at every start. -->
<clickhouse>
    <profiles>
        <default>
            <log_queries>0</log_queries>
            <poll_interval>1</poll_interval> <!-- an idle connection notices a stop within a second -->
            <async_insert>0</async_insert>
            <query_profiler_real_time_period_ns>0</query_profiler_real_time_period_ns>
            <query_profiler_cpu_time_period_ns>0</query_profiler_cpu_time_period_ns>
        </default>
        <session>
            <profile>default</profile>
            <max_threads>1</max_threads>
            <max_memory_usage>104857600</max_memory_usage>
        </session>
    </profiles>
    <quotas><default/></quotas>
    <users>
        <default>
            <password/>
            <networks><ip>127.0.0.1</ip></networks>
            <profile>session</profile>
            <quota>default</quota>
            <grants>
                <query>GRANT SYSTEM LISTEN ON *.*</query>
                <query>GRANT SELECT ON system.numbers</query>
            </grants>
        </default>
        <{{.User}}>
            <password_sha256_hex>{{.PasswordHash}}</password_sha256_hex>
            <networks><ip>127.0.0.1</ip></networks>
            <profile>default</profile>
            <quota>default</quota>
            <grants>
                <query>GRANT SHOW, SELECT, INSERT, ALTER, CREATE, DROP, UNDROP TABLE, TRUNCATE, OPTIMIZE, CHECK, BACKUP, KILL QUERY, SYSTEM, dictGet ON *.*</query>
                <query>GRANT TABLE ENGINE ON *</query>
            </grants>
        </{{.User}}>
    </users>
</clickhouse>
`))

// writeEngineConfig generates the two configuration files in v.Dir.
func writeEngineConfig(v configValues) error {
	for _, t := range []*template.Template{configTemplate, usersTemplate} {
		var b bytes.Buffer
		if err := t.Execute(&b, v); err != nil {
			return fmt.Errorf("write %s: %w", t.Name(), err)
		}
		if err := writeFileAtomic(filepath.Join(v.Dir, t.Name()), b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

func passwordHash(password string) string {
	h := sha256.Sum256([]byte(password))
	return hex.EncodeToString(h[:])
}
