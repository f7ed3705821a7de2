package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// commands are typed wrongly. None of them reaches a running gapwise.
func (w *wrongdoer) commands() []badInput {
	w.Setenv("GAPWISE_DATA_DIR", filepath.Join(w.dir, "data"))
	w.Setenv("GAPWISE_NATS_LISTEN", "")
	var list []badInput
	for _, line := range strings.Split(strings.TrimSpace(`
nothing
rum
run now
run --nothing
run --demo=perhaps
run --listen
ingest
projector
query x
report
report --cohort c --learner l
report --cohort c --by topic
report --cohort c --limit -1
report --cohort c --limit x
report --cohort c --next
report --cohort c --evidence
report --learner l --heatmap
report --learner l --next --progress
report --learner l --evidence --concern a --item b
report --learner l --concern a
report --learner l --arithmetic
report --cohort c --items --target senior
report --cohort c --sort right
report --cohort c --weeks=27
report --cohort c --weeks=many
report --learner l --weeks
report --cohort c --url ftp://example --token t
report --cohort c --url ::
report --cohort c extra
cohort ad
cohort add
cohort add a b
cohort add DIR/nothing.csv --cohort c
cohort add - --cohort c --since yesterday
cohort invite
cohort invite --role king --cohort c
cohort invite --learner l --cohort c
cohort invite --cohort c --expires soon
cohort list x
catalog lint DIR/nothing
catalog show DIR/nothing
catalog publish
deadletter show
deadletter show x
deadletter show -- -1
deadletter retry
deadletter retry x
deadletter drop --reason
deadletter list x
deadletter list --limit many
emit DIR/nothing.ndjson
emit --pending DIR/nothing.ndjson
emit answer
emit answer --learner l
emit answer --learner l --item i
emit answer --learner l --item i --correct --wrong
emit answer --learner l --item i --correct --score 1
emit answer --learner l --item i --score 2
emit answer --learner l --item i --score x
emit answer --learner l --item i --correct --time yesterday
emit answer --learner l --item i --correct --graded-by robot
emit answer --learner l --item i --correct --confidence 9
emit answer --learner l --item i --correct --duration -1s
emit answer --learner l --item i --correct --duration long
emit tick --learner l
emit void --learner l
emit answer --learner l --item i --correct --patience never
import
import DIR/nothing.csv --source s
import DIR/nothing.csv
import DIR/nothing.csv --source s --columns user
import DIR/nothing.csv --source s --columns user=a,user=b,what=c
import DIR/nothing.csv --source s --time-base yesterday
simulate --learners 0 --out -
simulate --learners many
simulate --events -1 --out -
simulate --late 2 --out -
simulate --repeats -1 --out -
simulate --from tomorrow
simulate --from 2026-01-02 --to 2026-01-01 --out -
simulate --weak nowhere --out -
simulate --days 0
simulate --seed -1
token
token --role king
token --role learner
token --role producer
token --role instructor
token --role operator --expires soon
token --role operator --expires -1h
token --role learner --learner l --cohort c
verify --from x
verify --from 1 --newest 1
verify x
erase
erase a b
bench nothing
bench freshness --rate 0
bench freshness --duration -1s
bench memory --events 0
soak --events 1
soak --schedules 0
soak --faults thunder
model burn
model fit x
model list x
model show a b
model publish
model publish a b
model publish a --file b
model publish --file DIR/none
doctor x
demo burn
demo load x`), "\n") {
		list = append(list, badInput{"gapwise " + line, line, w.run("", strings.Fields(line)...)})
	}
	return list
}

// configurations are files and variables that gapwise can't start with.
func (w *wrongdoer) configurations() []badInput {
	w.Setenv("GAPWISE_ENGINE_PATH", w.dir) // what is taken by mistake doesn't run long
	var list []badInput
	config := w.file("config.yaml", "")
	for _, text := range []string{
		"nothing: 1", "http:\n  lissten: x", "http: 8080", "http:\n  listen: 8080", "http:\n  listen: nowhere", "http:\n  listen: ''", "http:\n  listen: [a]",
		"http:\n  tls:\n    cert: a.pem", "http:\n  tls:\n    key: a.pem", "http:\n  trusted_proxy: perhaps", "nats:\n  listen: x", "nats:\n  replicas: 0", "nats:\n  replicas: 6", "nats:\n  replicas: many",
		"nats:\n  max_bytes: much", "clickhouse:\n  tls: perhaps", "projector:\n  lease: 1ms", "projector:\n  lease: 2h", "projector:\n  lease: long", "log:\n  level: loud",
		"reports:\n  timezone: Mars", "reports:\n  timezone: Local", "disk:\n  min_free: much", "disk:\n  min_free: -1GB", "disk:\n  min_free: 1XB", "catalog:\n  path: /nothing/here",
		"model:\n  propose: perhaps", "model:\n  propose_answers: 0", "model:\n  propose_learners: 4", "model:\n  propose_growth: -0.1", "model:\n  propose_growth: many",
		"demo: perhaps", "- a list", "a: b: c", "\tx: 1", "{", "data: {dir: [", "log: {level: loud}\nreports: {timezone: Mars}\nnats: {replicas: 9}",
	} {
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			w.Fatal(err)
		}
		list = append(list, badInput{fmt.Sprintf("config.yaml %q", text), text, w.run("", "run", "--config", config)})
	}
	list = append(list, badInput{"no such file", "no file", w.run("", "run", "--config", "DIR/nothing.yaml")})
	for _, variable := range []string{"HTTP_LISTEN=x", "NATS_REPLICAS=x", "LOG_LEVEL=loud", "DISK_MIN_FREE=all", "DEMO=perhaps"} {
		name, value, _ := strings.Cut("GAPWISE_"+variable, "=")
		before, given := os.LookupEnv(name)
		w.Setenv(name, value)
		list = append(list, badInput{name + "=" + value, name + value, w.run("", "run")})
		w.Setenv(name, before)
		if !given {
			_ = os.Unsetenv(name)
		}
	}
	return list
}

// datasets are tables of answers that can't be imported.
func (w *wrongdoer) datasets() []badInput {
	var list []badInput
	for _, text := range []string{
		"", "\n", "user,item\n", "user;item;ts;correct\nu;i;0;1\n", "user,item,ts,correct,correct\n", "\xff\xfeu\x00", "\x1f\x8b\x08",
		"user,item,ts,correct\nu\n", "user,item,ts,correct\nu,i,0,1,x\n", "user,item,ts,correct\n,i,0,1\n", "user,item,ts,correct\nu,,0,1\n",
		"user,item,ts,correct\nu,i,yesterday,1\n", "user,item,ts,correct\nu,i,-5,1\n", "user,item,ts,correct\nu,i,1700000000000,1\n", "user,item,ts,correct\nu,i,,1\n",
		"user,item,ts,correct\nu,i,0,maybe\n", "user,item,ts,correct\nu,i,0,7\n", "user,item,ts,correct\nu,i,0,\n", "user,item,ts,correct\nu,\"i,0,1\n", "user,item,ts,correct\nu\xff,i,0,1\n",
	} {
		path := w.file("answers.csv", text)
		list = append(list, badInput{fmt.Sprintf("answers.csv %q", text), text,
			w.run("", "import", path, "--source", "s", "--dry-run", "--columns", "user=user,item=item,time=ts,correct=correct")})
	}
	return list
}

// courses are folders that hold no course.
func (w *wrongdoer) courses() []badInput {
	good, err := os.ReadFile(filepath.Join(otherCourse, "course.yaml"))
	if err != nil {
		w.Fatal(err)
	}
	var list []badInput
	for i, c := range []struct{ old, bad string }{
		{string(good), ""}, {string(good), "x"}, {string(good), "- x"}, {string(good), "{"}, {"course:", "corse:"}, {"id: counting", "id: Counting"}, {"id: adding", "id: counting"},
		{"id: count-back", "id: count-to-ten"}, {"kind: ", "kind: big"}, {"level: ", "level: big"}, {"importance: ", "importance: -"}, {"concerns:", "concern:"}, {"chapters:", "chapters: x #"},
	} {
		path := w.file(fmt.Sprintf("course-%d/course.yaml", i), strings.Replace(string(good), c.old, c.bad, 1))
		list = append(list, badInput{fmt.Sprintf("course.yaml with %q for %.20q", c.bad, c.old), c.old + c.bad, w.run("", "catalog", "lint", filepath.Dir(path))})
	}
	return list
}

// modelFiles are documents that hold no model.
func (w *wrongdoer) modelFiles() []badInput {
	good, err := w.active.Active().Course.Describe().Encode()
	if err != nil {
		w.Fatal(err)
	}
	fitted := strings.Replace(string(good), `"fitted":null`, `"fitted":{"seq":1,"time":"2026-01-05T10:00:00Z","answers":9,"learners":3}`, 1)
	var list []badInput
	for i, c := range []struct{ old, bad string }{
		{fitted, ""}, {fitted, "x"}, {fitted, "[]"}, {fitted, "{}"}, {fitted, fitted + "{}"}, {fitted, string(good)}, {`"version":"starting-1"`, `"version":"fitted-1"`},
		{`"course":"`, `"coarse":"`}, {`"seq":1`, `"seq":-1`}, {`"time":"2026`, `"time":"today`}, {`"weights":[`, `"weights":[0,`}, {`"b":`, `"b":9`}, {`"vb":`, `"vb":"x","was":`},
		{`"adding":{"c"`, `"adding":{"d":0,"c"`}, {`"adding":{"c"`, `"":{"c"`}, {`"levels":{`, `"levels":{"expert":1,`}, {`"skill":`, `"skill":-`}, {`"prior":{`, `"before":{`},
	} {
		path := w.file(fmt.Sprintf("model-%d.json", i), strings.Replace(fitted, c.old, c.bad, 1))
		list = append(list, badInput{fmt.Sprintf("model.json with %.40q for %.20q", c.bad, c.old), c.old + c.bad, w.run("", "model", "publish", "--file", path)})
	}
	return list
}

// rosters are tables of learners that can't join.
func (w *wrongdoer) rosters() []badInput {
	var list []badInput
	for _, text := range []string{
		"", "\n", "name\nada\n", "learner\nada\n", "learner,cohort\n,spring\n", "learner,cohort\nada\n", "learner,cohort\nada,spring,x\n", "learner,cohort\n\"ada,spring\n", "learner,cohort\na\"da,spring\n",
		"learner,cohort\n" + strings.Repeat("a", 129) + ",spring\n", "learner,cohort\nada," + strings.Repeat("s", 129) + "\n", "learner,cohort\na\x00da,spring\n", "learner,cohort\na\xffda,spring\n", "learner;cohort\nada;spring\n", "learner,cohort\n,\n,\n",
	} {
		name := fmt.Sprintf("roster %.60q", text)
		list = append(list, badInput{name, text, w.run(text, "cohort", "add", "-", "--url", w.url, "--token", w.operator)})
	}
	return list
}
