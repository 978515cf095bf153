// SPDX-License-Identifier: BSD-3-Clause
#include "service/interpreter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define WORDS 24

/* The script among arguments that are joined by blanks, of which '' is an empty one and _ a blank. */
static const char *script_of(const char *command, const char *program)
{
	static char name[IDENTITY_NAME];
	char args[4096] = "", *word, *rest, *copy = strdup(command);
	size_t len = 0;

	assert_non_null(copy);
	for (word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		char *arg = args + len;

		strcpy(arg, strcmp(word, "''") ? word : "");
		for (char *c = arg; (c = strchr(c, '~'));)
			*c = ' ';
		len += strlen(arg) + 1;
	}
	free(copy);
	interpreter_script(interpreter_class(program), args, len, name);
	return name;
}

/* Each interpreter: options with and without values, what ends them, code and standard input. */
static const struct {
	const char *command, *name;
} command_rows[] = {
	{ "python3 app.py", "app.py" },
	{ "python3 /srv/app/app.py --port 80", "app.py" },
	{ "python3.11 -u -OO ./app.py", "app.py" },
	{ "python3 /usr/bin/gunicorn x:y", "gunicorn" },
	{ "python3 -Es app.py", "app.py" },
	{ "python3 -W ignore app.py", "app.py" },
	{ "python3 -Wignore -Xdev app.py", "app.py" },
	{ "python3 -X importtime -BI app.py", "app.py" },
	{ "python3 --check-hash-based-pycs always app.py", "app.py" },
	{ "python3 -m http.server 80", "http.server" },
	{ "python3 -mhttp.server 18001", "http.server" },
	{ "python3 -um celery.bin.celery -A x", "celery.bin.celery" },
	{ "python3 -uW ignore -m app", "app" },
	{ "python3 -c print(1) app.py", "" },
	{ "python3 -cprint(1) app.py", "" },
	{ "python3 -uc print x", "" },
	{ "python3 - x", "" },
	{ "python3 -i app.py", "app.py" },
	{ "python3 -x -- -odd.py", "-odd.py" },
	{ "python3 /srv/dir/", "dir" },
	{ "python3 /srv/dir/.", "dir" },
	{ "python3 .", "." },
	{ "python3 ..", ".." },
	{ "python3 my~app.py", "my app.py" },
	{ "python3.13t app.py", "app.py" },
	{ "python3-dbg app.py", "app.py" },
	{ "pypy3 --jit off app.py", "app.py" },
	{ "python3", "" },

	{ "java -Xmx1g -jar /opt/app.jar x", "app.jar" },
	{ "java -jar -Xmx64m billing.jar", "billing.jar" },
	{ "java -Dmode=release -server -jar app.jar", "app.jar" },
	{ "java -jar -cp x -Da=b app.jar", "app.jar" },
	{ "java -cp /a/*:/b org.x.Main", "org.x.Main" },
	{ "java -classpath /a/*:/b org.x.Main", "org.x.Main" },
	{ "java --class-path a.jar org.x.Main", "org.x.Main" },
	{ "java --class-path=a.jar org.x.Main", "org.x.Main" },
	{ "java --add-modules java.se -cp J Main", "Main" },
	{ "java --add-opens java.base/java.lang=ALL org.x.Main", "org.x.Main" },
	{ "java --add-opens=java.base/java.lang=ALL org.x.Main", "org.x.Main" },
	{ "java --add-exports a/b=c --add-reads a=b --limit-modules a Main", "Main" },
	{ "java --enable-native-access ALL-UNNAMED --patch-module a=b Main", "Main" },
	{ "java -p mods -m mod/main", "main" },
	{ "java --module-path=mods --module=mod/org.x.Main", "org.x.Main" },
	{ "java --upgrade-module-path u --module mod", "mod" },
	{ "java --source 17 Hello.java", "Hello.java" },
	{ "java @opts -cp x Main", "Main" },
	{ "java @conf/server.args", "server.args" },
	{ "java -XX:+UseG1GC -verbose:gc -agentlib:jdwp=x -javaagent:/a.jar -ea Main x", "Main" },
	{ "java -jar", "" },
	{ "java -cp x", "" },
	{ "java -version", "" },
	{ "java -cp k.jar org.jetbrains.kotlin.runner.Main -cp app.jar MainKt", "MainKt" },
	{ "java -cp k.jar org.jetbrains.kotlin.runner.Main job.main.kts", "job.main.kts" },
	{ "java -Dscala.usejavacp=true scala.tools.nsc.MainGenericRunner -cp a Hello", "Hello" },
	{ "java -classpath s.jar dotty.tools.MainGenericRunner -classpath a Hello x", "Hello" },
	{ "java -cp c.jar clojure.main -m shop.core", "shop.core" },
	{ "java -cp c.jar clojure.main -i init.clj script.clj", "script.clj" },
	{ "java -cp g org.codehaus.groovy.tools.GroovyStarter --main groovy.ui.GroovyMain --conf c "
	  "--classpath . job.groovy",
	  "job.groovy" },
	{ "java -cp j.jar org.jruby.Main -S puma", "puma" },
	{ "java -cp s org.apache.spark.deploy.SparkSubmit --master yarn --class shop.Job app.jar",
	  "shop.Job" },
	{ "java -cp s org.apache.spark.deploy.SparkSubmit --name x job.py", "job.py" },

	{ "node /app/server.js", "server.js" },
	{ "node --inspect /app/server.js", "server.js" },
	{ "node --inspect=0.0.0.0:9229 server.js", "server.js" },
	{ "node --max-old-space-size=4096 server.js", "server.js" },
	{ "node --max_old_space_size=4096 server.js", "server.js" },
	{ "node -r dotenv/config server.js", "server.js" },
	{ "node --require x/y server.js", "server.js" },
	{ "node --import=x/y server.js", "server.js" },
	{ "node --env-file f srv.js", "srv.js" },
	{ "node --env_file f srv.js", "srv.js" },
	{ "node -C development --watch --watch-path src srv.js", "srv.js" },
	{ "node --title web --experimental-loader l srv.mjs", "srv.mjs" },
	{ "node inspect srv.js", "srv.js" },
	{ "node .", "." },
	{ "node ./", "." },
	{ "node ./dist/", "dist" },
	{ "node --eval x", "" },
	{ "node -pe 1 x.js", "" },
	{ "node - x", "" },
	{ "node -- -x.js", "-x.js" },
	{ "node --run start", "start" },
	{ "nodejs18 app.js", "app.js" },

	{ "bash -x /opt/run.sh a/b", "run.sh" },
	{ "bash -eu -o pipefail run.sh", "run.sh" },
	{ "bash -euo pipefail s.sh", "s.sh" },
	{ "bash -oe pipefail s.sh", "s.sh" },
	{ "bash +e +o posix -O extglob s.sh", "s.sh" },
	{ "bash --rcfile f --norc s.sh", "s.sh" },
	{ "bash -norc -init-file f s.sh", "s.sh" },
	{ "bash -- -odd x", "-odd" },
	{ "bash - a/odd", "odd" },
	{ "bash -c echo x", "" },
	{ "bash -lc exec x", "" },
	{ "bash -ceu -o pipefail exec x", "" },
	{ "bash -o pipefail -ec exec x", "" },
	{ "bash -s x < s.sh", "" },
	{ "bash /dev/fd/63", "" },
	{ "-bash", "" },
	{ "sh -e /opt/backup-database-nightly.sh", "backup-database-nightly.sh" },
	{ "dash -o errexit s.sh", "s.sh" },
	{ "ash -x s.sh", "s.sh" },
	{ "zsh -o nullglob -f s.zsh", "s.zsh" },
	{ "zsh --emulate sh -b -s.zsh", "-s.zsh" },
	{ "ksh93 -x s.ksh", "s.ksh" },
	{ "fish --no-config -C set~x s.fish", "s.fish" },
	{ "fish -c ls x", "" },
	{ "fish --init-command=x --debug=y s.fish", "s.fish" },

	{ "perl -w -I lib x.pl", "x.pl" },
	{ "perl -Ilib -MCarp -mStrict x.pl", "x.pl" },
	{ "perl -pi.orig x.pl f", "x.pl" },
	{ "perl -d:NYTProf x.pl", "x.pl" },
	{ "perl -T -CSDA -F: -0777 -l012 x.pl", "x.pl" },
	{ "perl -e 1", "" },
	{ "perl -lane print f", "" },
	{ "perl -pi -e s/a/b/ f", "" },
	{ "perl -E say x", "" },
	{ "perl5.36.0 x.pl", "x.pl" },
	{ "ruby -w -I lib -r json x.rb", "x.rb" },
	{ "ruby -rjson -Ilib -W0 -C /srv x.rb", "x.rb" },
	{ "ruby -E UTF-8 --enable yjit --disable=gems x.rb", "x.rb" },
	{ "ruby -S puma -C x", "puma" },
	{ "ruby3.1 -W:no-deprecated x.rb", "x.rb" },
	{ "ruby -ne puts f", "" },
	{ "ruby -", "" },

	{ "php -d memory_limit=1 artisan queue:work", "artisan" },
	{ "php -S 127.0.0.1:1 x.php", "x.php" },
	{ "php -S 127.0.0.1:1 -t public", "" },
	{ "php -S 127.0.0.1:1 -t public router.php", "router.php" },
	{ "php8.2 -qn -c /etc/x -f x.php -- -a", "x.php" },
	{ "php -fx.php", "x.php" },
	{ "php --file x.php", "x.php" },
	{ "php --define a=b --php-ini f x.php", "x.php" },
	{ "php -r echo~1; x.php", "" },
	{ "php -- x", "" },
	{ "php-cgi -b 127.0.0.1:9000", "" },
	{ "lua5.4 -e x=1 -l socket x.lua", "x.lua" },
	{ "lua -lsocket -W x.lua", "x.lua" },
	{ "lua -e print(1)", "" },
	{ "lua -", "" },
	{ "luajit -jdump -O3 x.lua", "x.lua" },
	{ "luajit-2.1.0-beta3 -j off x.lua", "x.lua" },
	{ "luajit -b x.lua x.out", "" },

	{ "dotnet app.dll", "app.dll" },
	{ "dotnet /srv/Shop.Api.dll --urls x", "Shop.Api.dll" },
	{ "dotnet exec --runtimeconfig r --depsfile d app.dll", "app.dll" },
	{ "dotnet --additionalprobingpath p --fx-version 8 --roll-forward Major app.dll",
	  "app.dll" },
	{ "dotnet run --project x", "" },
	{ "dotnet exec test", "test" },
	{ "mono --debug --config f app.exe", "app.exe" },

	{ "beam.smp -W w -P 1048576 -- -root /usr/lib/erlang -progname erl -- -home /x -- -noshell "
	  "-noinput -s rabbit boot -boot start_sasl",
	  "rabbit" },
	{ "beam.smp -- -root /x -progname erl -- -home /x -- -noshell -s elixir start_cli -mode "
	  "embedded -sname shop -boot b -extra --no-halt",
	  "shop" },
	{ "beam.smp -- -progname erl -- -home /x -- -name shop@10.0.0.1 -s a", "shop" },
	{ "beam.smp -- -progname erl -- -noshell -s elixir start_cli -extra /usr/bin/mix phx.server",
	  "mix" },
	{ "beam.smp -- -progname erl -- -noshell -s elixir start_cli -extra -pa ebin job.exs",
	  "job.exs" },
	{ "beam.smp -- -progname erl -- -noshell -run escript start -extra ./tool x", "tool" },
	{ "beam.smp -- -root /x -progname couchdb -- -home /x -- -boot b", "couchdb" },

	{ "deno run -A --allow-net=:80 main.ts", "main.ts" },
	{ "deno run -c deno.json --import-map i.json main.ts", "main.ts" },
	{ "deno main.ts", "main.ts" },
	{ "deno --log-level debug run main.ts", "main.ts" },
	{ "deno serve --port 8000 --host 0.0.0.0 main.ts", "main.ts" },
	{ "deno task test", "test" },
	{ "deno eval 1+1", "" },
	{ "deno run - x", "" },
	{ "deno test a_test.ts", "" },
	{ "bun run src/index.ts", "index.ts" },
	{ "bun --watch --env-file .env run dev", "dev" },
	{ "bun -r ./a.ts --port 3000 index.ts", "index.ts" },
	{ "bun --config=b.toml -d A:1 index.ts", "index.ts" },
	{ "bun run build", "build" },
	{ "bun x vite", "vite" },
	{ "bunx --bun vite", "vite" },
	{ "bun install x", "" },
	{ "bun -e 1 x", "" },

	{ "R --no-echo --no-restore --file=app.R --args x", "app.R" },
	{ "R -f app.R --restore --save", "app.R" },
	{ "R --no-echo -g Tk -e 1 x.R", "" },
	{ "R --vanilla", "" },
	{ "Rscript --vanilla app.R x", "app.R" },
	{ "Rscript -e 1", "" },
	{ "julia -t 4 --project=. -O3 app.jl", "app.jl" },
	{ "julia --threads 4 --startup-file no app.jl", "app.jl" },
	{ "julia -e 1 x", "" },
	{ "tclsh8.6 -encoding utf-8 x.tcl", "x.tcl" },
	{ "awk -f x.awk f", "x.awk" },
	{ "gawk -F: -v a=b --file=/x/y.awk f", "y.awk" },
	{ "mawk {print} f", "" },
	{ "expect -d -c set~x -f x.exp y", "x.exp" },
	{ "expect -- x.exp", "x.exp" },
	{ "guile -L lib -e main -s x.scm a", "x.scm" },
	{ "guile-3.0 --no-auto-compile x.scm", "x.scm" },
	{ "guile -c 1 x", "" },
	{ "pwsh -NoProfile -ExecutionPolicy Bypass -File /x/job.ps1", "job.ps1" },
	{ "pwsh -noprofile -file job.ps1", "job.ps1" },
	{ "pwsh job.ps1", "job.ps1" },
	{ "pwsh -NoLogo -Command Get-Date x", "" },

	{ "busybox httpd -f -p 80", "httpd" },
	{ "busybox sh -e s.sh", "s.sh" },
	{ "busybox sh -c x", "sh" },
	{ "busybox", "" },
	{ "ld-linux-x86-64.so.2 /srv/prog x", "prog" },
	{ "ld-linux-aarch64.so.1 --library-path /l --preload p /srv/prog", "prog" },
	{ "ld-linux-x86-64.so.2 --argv0 x /usr/bin/python3 -u app.py", "app.py" },
	{ "ld-2.31.so /srv/prog", "prog" },
	{ "ld-musl-x86_64.so.1 --library-path /l -- /srv/prog", "prog" },
	{ "ld-linux-x86-64.so.2 --list /bin/ls", "" },
	{ "qemu-x86_64-static -L /x -cpu max /srv/prog y", "prog" },
	{ "qemu-aarch64 /usr/bin/bash -e s.sh", "s.sh" },

	/* no interpreters */
	{ "nginx -c x", "" },
	{ "node_exporter x", "" },
	{ "node2vec data.csv", "" },
	{ "php-fpm8.2 x", "" },
	{ "pythonx x", "" },
	{ "3 x", "" },
	/* no names */
	{ "python3 ''", "" },
	{ "python3 /", "" },
	{ "python3 a\nb", "" },
	{ "python3 -m", "" },
	{ "'' '' ''", "" },
	{ "sh a/..", "" },
	/* any bytes */
	{ "sh /x/a\"b\\c\xff", "a\"b\\c\xff" },
};

static void commands_test(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(command_rows) / sizeof(*command_rows); i++) {
		const char *command = command_rows[i].command, *got;
		char program[64];

		snprintf(program, sizeof(program), "%.*s", (int)strcspn(command, " "), command);
		got = script_of(command, program);
		if (strcmp(got, command_rows[i].name))
			print_error("%s: '%s', not '%s'\n", command, got, command_rows[i].name);
	}
	for (size_t i = 0; i < sizeof(command_rows) / sizeof(*command_rows); i++) {
		char program[64];

		snprintf(program, sizeof(program), "%.*s",
			 (int)strcspn(command_rows[i].command, " "), command_rows[i].command);
		assert_string_equal(script_of(command_rows[i].command, program),
				    command_rows[i].name);
	}
}

/* However long what is before it, and its path. */
static void long_test(void **state)
{
	static char args[100000];
	char name[IDENTITY_NAME];
	size_t len;

	(void)state;
	len = (size_t)sprintf(args, "java%c-cp%c", 0, 0);
	for (size_t n = 1; n < 60000; n += n / 3 + 1) {
		memset(args + len, 'c', n);
		sprintf(args + len + n, "%corg.x.Main%cmore", 0, 0);
		assert_int_equal(interpreter_script(interpreter_class("java"), args, len + n + 17,
						    name),
				 10);
		assert_string_equal(name, "org.x.Main");
	}
	len = (size_t)sprintf(args, "sh%c", 0);
	for (size_t n = 0; n < 3000; n++) {
		memset(args + len, 'd', n);
		for (size_t i = 0; i < n; i += 200)
			args[len + i] = '/';
		sprintf(args + len + n, "/backup-database-nightly.sh%c", 0);
		interpreter_script(interpreter_class("sh"), args, len + n + 29, name);
		assert_string_equal(name, "backup-database-nightly.sh");
	}
}

/* What is cut off is not taken for a name; one of 255 bytes is whole. */
static void end_test(void **state)
{
	char name[IDENTITY_NAME], args[600] = "sh\0a.sh";
	u32 sh = interpreter_class("sh");

	(void)state;
	assert_int_equal(interpreter_script(sh, "", 0, name), 0);
	assert_int_equal(interpreter_script(sh, args, 6, name), 0);
	assert_int_equal(interpreter_script(sh, args, 7, name), 0);
	assert_int_equal(interpreter_script(sh, args, 8, name), 4);
	assert_string_equal(name, "a.sh");
	memset(args + 3, 'a', 255);
	assert_int_equal(interpreter_script(sh, args, 259, name), 255);
	args[2 + 200] = '/';
	assert_int_equal(interpreter_script(sh, args, 259, name), 55);
}

/* A program that others are in is what it was started as. */
static void file_test(void **state)
{
	(void)state;
	assert_int_equal(interpreter_file_class("busybox", "httpd"), 0);
	assert_int_equal(interpreter_file_class("busybox", "sh"), interpreter_class("sh"));
	assert_int_equal(interpreter_file_class("busybox", "busybox"),
			 interpreter_class("busybox"));
	assert_int_equal(interpreter_file_class("busybox", ""), interpreter_class("busybox"));
	assert_int_equal(interpreter_file_class("qemu-aarch64-static", "prog"), 0);
	assert_int_equal(interpreter_file_class("python3.11", "app.py"),
			 interpreter_class("python"));
	assert_int_equal(interpreter_file_class("dash", "sh"), interpreter_class("sh"));
	assert_int_equal(interpreter_file_class("nginx", "nginx"), 0);
	assert_int_equal(interpreter_file_class("", ""), 0);
}

static void base_test(void **state)
{
	static const struct {
		const char *path, *name;
	} rows[] = {
		{ "/usr/bin/nginx", "nginx" },
		{ "nginx", "nginx" },
		{ "./a b", "a b" },
		{ "/dev/fd/3", "" },
		{ "/proc/self/exe", "" },
		{ "/proc/self/fd/3", "" },
		{ "/dev/shm/x", "x" },
		{ "", "" },
		{ "a\nb", "" },
	};
	char name[IDENTITY_NAME];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(interpreter_base(rows[i].path, name), strlen(rows[i].name));
		assert_string_equal(name, rows[i].name);
	}
}

/* The tables of the kernel side have room for all rows, and no two rows have one key. */
static void tables_test(void **state)
{
	const struct interpreter_tables *t = interpreter_tables();

	(void)state;
	assert_in_range(t->row_cnt, 300, 1000);
	assert_in_range(t->class_cnt, 1, SCRIPT_CLASSES);
	for (unsigned i = 1; i < t->row_cnt; i++)
		assert_true(t->rows[i - 1].key < t->rows[i].key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_test), cmocka_unit_test(long_test),
		cmocka_unit_test(end_test),	 cmocka_unit_test(file_test),
		cmocka_unit_test(base_test),	 cmocka_unit_test(tables_test),
	};

	return cmocka_run_group_tests_name("script", tests, NULL, NULL);
}
