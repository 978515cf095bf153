// SPDX-License-Identifier: BSD-3-Clause
#include "service/interpreter.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "script.h"

#define ROWS_MAX 1024

enum class_id {
	CLASS_NAMES, /* the programs themselves */
	CLASS_PYTHON,
	CLASS_JAVA,
	CLASS_NODE,
	CLASS_SH,
	CLASS_ZSH,
	CLASS_FISH,
	CLASS_PERL,
	CLASS_RUBY,
	CLASS_PHP,
	CLASS_LUA,
	CLASS_LUAJIT,
	CLASS_TCL,
	CLASS_AWK,
	CLASS_EXPECT,
	CLASS_GUILE,
	CLASS_PWSH,
	CLASS_DOTNET,
	CLASS_MONO,
	CLASS_BEAM,
	CLASS_ELIXIR,
	CLASS_DENO,
	CLASS_BUN,
	CLASS_R,
	CLASS_RSCRIPT,
	CLASS_JULIA,
	CLASS_KOTLIN,
	CLASS_SCALA,
	CLASS_CLOJURE,
	CLASS_GROOVY,
	CLASS_SPARK,
	CLASS_BUSYBOX,
	CLASS_LOADER,
	CLASS_QEMU,
	CLASSES,
};
_Static_assert(CLASSES <= SCRIPT_CLASSES, "the kernel side's table");

/*
 * What each has as options, in words, from its documentation. An option that is missing has no value. An option of one
 * letter stands for that letter where options may be several letters (SCRIPT_LETTERS). Words without a dash are commands.
 */
static const struct class_row {
	const char *programs; /* base names up to the version */
	u32 flags;	      /* of struct script_class */
	const char *flag;     /* what would otherwise be taken for letters, or for the script */
	const char *value, *next, *rest, *name, *stop, *end; /* enum script_action */
} class_rows[CLASSES] = {
	[CLASS_PYTHON] = {
		.programs = "python pypy micropython",
		.flags = SCRIPT_LETTERS,
		.value = "-W -X -Q --check-hash-based-pycs --jit",
		.name = "-m",
		.stop = "-c",
	},
	[CLASS_JAVA] = {
		.programs = "java",
		.flags = SCRIPT_FILES,
		.value = "-cp -classpath --class-path -p --module-path --upgrade-module-path "
			 "--add-modules --limit-modules --add-reads --add-exports --add-opens "
			 "--patch-module --enable-native-access --illegal-native-access "
			 "--sun-misc-unsafe-memory-access --finalization --source -d "
			 "--describe-module",
		.name = "-m --module",
	},
	[CLASS_NODE] = {
		.programs = "node nodejs",
		.flag = "inspect debug",
		.value = "-r --require --import --loader --experimental-loader -C --conditions "
			 "--env-file --env-file-if-exists --title --icu-data-dir --input-type "
			 "--experimental-default-type --experimental-specifier-resolution "
			 "--es-module-specifier-resolution --experimental-config-file "
			 "--experimental-sea-config --build-sea --experimental-policy --policy-integrity "
			 "--inspect-port --debug-port --inspect-publish-uid --openssl-config "
			 "--tls-cipher-list --tls-keylog --redirect-warnings --disable-warning "
			 "--disable-proto --unhandled-rejections --dns-result-order --localstorage-file "
			 "--network-family-autoselection-attempt-timeout --max-http-header-size "
			 "--secure-heap --secure-heap-min --use-largepages --v8-pool-size "
			 "--security-revert --snapshot-blob --build-snapshot-config "
			 "--diagnostic-dir --report-dir --report-directory --report-filename "
			 "--report-signal --heapsnapshot-signal --heapsnapshot-near-heap-limit "
			 "--cpu-prof-dir --cpu-prof-name --cpu-prof-interval --heap-prof-dir "
			 "--heap-prof-name --heap-prof-interval --trace-event-categories "
			 "--trace-event-file-pattern --watch-path "
			 "--watch-kill-signal --allow-fs-read --allow-fs-write "
			 "--max-old-space-size-percentage --test-name-pattern --test-skip-pattern "
			 "--test-reporter --test-reporter-destination --test-concurrency --test-timeout "
			 "--test-shard --test-isolation --experimental-test-isolation "
			 "--test-coverage-include --test-coverage-exclude --test-coverage-branches "
			 "--test-coverage-functions --test-coverage-lines --test-global-setup "
			 "--test-rerun-failures --test-random-seed",
		.name = "--run",
		.stop = "-e --eval -p --print -pe --prof-process",
	},
	[CLASS_SH] = {
		.programs = "sh bash rbash dash ash ksh ksh-rbd rksh mksh yash",
		.flags = SCRIPT_LETTERS | SCRIPT_PLUS,
		/* bash takes long options with one dash, too */
		.flag = "-debug -debugger -dump-po-strings -dump-strings -help -login -noediting "
			"-noprofile -norc -posix -pretty-print -protected -restricted -verbose "
			"-version -wordexp",
		.value = "--rcfile --init-file -rcfile -init-file -T -R",
		.next = "-o -O",
		.stop = "-c -s",
		.end = "-",
	},
	[CLASS_ZSH] = {
		.programs = "zsh zsh- rzsh",
		.flags = SCRIPT_LETTERS | SCRIPT_PLUS,
		.value = "--emulate",
		.next = "-o",
		.stop = "-c -s",
		.end = "- -b",
	},
	[CLASS_FISH] = {
		.programs = "fish",
		.flags = SCRIPT_LETTERS,
		.value = "-C --init-command -d --debug -o --debug-output -D --debug-stack-frames -f "
			 "--features -p --profile --profile-startup",
		.stop = "-c --command",
	},
	[CLASS_PERL] = {
		.programs = "perl",
		.flags = SCRIPT_LETTERS,
		.value = "-I",
		.rest = "-: -= -C -D -F -M -V -i -m -x",
		.stop = "-e -E",
	},
	[CLASS_RUBY] = {
		.programs = "ruby jruby truffleruby",
		.flags = SCRIPT_LETTERS,
		.value = "-C -E -I -X -r --backtrace-limit --crash-report --disable --dump --enable "
			 "--encoding --external-encoding --internal-encoding --parser",
		.rest = "-F -K -T -W -i -x -: -=",
		.stop = "-e",
	},
	[CLASS_PHP] = {
		.programs = "php php-cgi phpdbg",
		.flags = SCRIPT_LETTERS,
		.value = "-S --server -T --timing -b --bindpath -c --php-ini -d --define -g --global -t "
			 "--docroot -z --zend-extension --rf --rfunction --rc --rclass --re "
			 "--rextension --rz --rzendextension --ri --rextinfo",
		.name = "-f --file -F --process-file",
		.stop = "-r --run -R --process-code -B --process-begin -E --process-end --",
	},
	[CLASS_LUA] = {
		.programs = "lua lua-",
		.flags = SCRIPT_LETTERS,
		.value = "-e -l",
	},
	[CLASS_LUAJIT] = {
		.programs = "luajit luajit-",
		.flags = SCRIPT_LETTERS,
		.value = "-e -j -l",
		.rest = "-O",
		.stop = "-b",
	},
	[CLASS_TCL] = {
		.programs = "tclsh wish",
		.value = "-encoding",
	},
	[CLASS_AWK] = {
		.programs = "awk gawk gawk- mawk nawk original-awk",
		.flags = SCRIPT_LETTERS | SCRIPT_HINTS,
		.value = "-F -v -W -i -l --assign --field-separator --include --load",
		.name = "-f --file -E --exec",
		.stop = "-e --source --",
	},
	[CLASS_EXPECT] = {
		.programs = "expect",
		.flags = SCRIPT_LETTERS,
		.value = "-c -D",
		.name = "-f -b",
	},
	[CLASS_GUILE] = {
		.programs = "guile guile-",
		.flag = "\\",
		.value = "-C -L -e -l -x --language --use-srfi",
		.name = "-s",
		.stop = "-c",
	},
	[CLASS_PWSH] = {
		.programs = "pwsh pwsh-preview powershell",
		.flags = SCRIPT_NOCASE,
		.value = "-configurationfile -configurationname -config -custompipename "
			 "-executionpolicy -ex -ep -inputformat -inp -if -outputformat -o -of "
			 "-psconsolefile -settingsfile -settings -version -windowstyle -w "
			 "-workingdirectory -wd",
		.name = "-f -file",
		.stop = "-c -command -cwa -commandwithargs -e -ec -encodedcommand",
	},
	[CLASS_DOTNET] = {
		.programs = "dotnet",
		.flag = "exec",
		.value = "--additionalprobingpath --additional-deps --depsfile --fx-version "
			 "--roll-forward --roll-forward-on-no-candidate-fx --runtimeconfig",
		.stop = "add build build-server clean dev-certs ef format fsi help list migrate msbuild "
			"new nuget pack package project publish reference remove restore run sdk sln "
			"solution store test tool user-jwts user-secrets vstest watch workload",
	},
	[CLASS_MONO] = {
		.programs = "mono mono-sgen",
		.value = "--config",
	},
	[CLASS_BEAM] = {
		.programs = "beam.smp beam.debug.smp beam beam.emu",
		.flags = SCRIPT_HINTS,
		.flag = "--",
	},
	[CLASS_ELIXIR] = { /* behind -extra */
		.value = "--app --boot --boot-var --cookie --dot-iex --erl --erl-config --logger-otp-reports "
			 "--logger-sasl-reports --name --pipe-to --remsh --rpc-eval --sname --vm-args -pa "
			 "-pr -pz -r",
		.flag = "+iex",
		.name = "-S",
		.stop = "-e --eval",
	},
	[CLASS_DENO] = {
		.programs = "deno",
		.flag = "run serve task x",
		.value = "-L --log-level -c --config --cert --conditions --cwd --ext --host --import "
			 "--import-map --importmap --location --lock --port --preload --require --seed "
			 "--unix-socket",
		.stop = "add approve-scripts audit bench bundle cache check clean compile completions "
			"coverage create deploy doc eval fmt help i info init install jupyter lint lsp "
			"outdated pack publish remove repl sandbox test types uninstall update upgrade "
			"vendor",
	},
	[CLASS_BUN] = {
		.programs = "bun bunx",
		.flag = "run x",
		.value = "-F --filter -d --define -l --loader -r --preload --require --import -u --origin "
			 "--conditions --console-depth --cpu-prof-dir --cpu-prof-name --cwd "
			 "--dns-result-order --drop --elide-lines --env-file --extension-order --feature "
			 "--fetch-preconnect --install --jsx-factory --jsx-fragment --jsx-import-source "
			 "--jsx-runtime --main-fields --max-http-header-size --package --port --shell "
			 "--title --tsconfig-override --unhandled-rejections --user-agent",
		.stop = "-e --eval -p --print a add audit build c create exec help i info init install "
			"link outdated patch patch-commit pm publish remove repl rm test unlink update "
			"upgrade why",
	},
	[CLASS_R] = {
		.programs = "R",
		.flags = SCRIPT_HINTS,
		.value = "-d --debugger --debugger-args -g --gui --encoding",
		.name = "-f --file",
		.stop = "-e --args",
	},
	[CLASS_RSCRIPT] = {
		.programs = "Rscript",
		.value = "--default-packages",
		.stop = "-e",
	},
	[CLASS_JULIA] = {
		.programs = "julia",
		.flags = SCRIPT_LETTERS,
		.value = "-C --cpu-target -H --home -J --sysimage -L --load -p --procs -t --threads "
			 "--machine-file --bind-to --check-bounds --color --compile --compiled-modules "
			 "--depwarn --gcthreads --handle-signals --hard-heap-limit --heap-size-hint "
			 "--heap-target-increment --history-file --inline --math-mode --min-optlevel "
			 "--pkgimages --polly --startup-file --sysimage-native-code --trace-compile "
			 "--trim --warn-overwrite --warn-scope",
		.rest = "-O -g",
		.name = "-m --module",
		.stop = "-e --eval -E --print",
	},
	[CLASS_KOTLIN] = {
		.value = "-cp -classpath -howtorun -P -compiler-path",
		.stop = "-e -expression",
	},
	[CLASS_SCALA] = {
		.value = "-cp -classpath --class-path -d -encoding -howtorun -i -release -source "
			 "-sourcepath -target -toolcp",
		.name = "-jar",
		.stop = "-e",
	},
	[CLASS_CLOJURE] = {
		.value = "-i --init",
		.name = "-m --main",
		.stop = "-e --eval -r --repl",
	},
	[CLASS_GROOVY] = {
		.value = "--main --conf --classpath -cp -classpath -c --encoding",
		.stop = "-e",
	},
	[CLASS_SPARK] = {
		.value = "--archives --conf --deploy-mode --driver-class-path --driver-cores "
			 "--driver-java-options --driver-library-path --driver-memory "
			 "--exclude-packages --executor-cores --executor-memory --files --jars "
			 "--keytab --master --name --num-executors --packages --principal "
			 "--properties-file --proxy-user --py-files --queue --repositories "
			 "--total-executor-cores",
	},
	[CLASS_BUSYBOX] = {
		.programs = "busybox toybox",
		.flags = SCRIPT_WRAPPER,
	},
	[CLASS_LOADER] = {
		.programs = "ld- ld-linux-x ld-linux-aarch ld-linux.so. ld-linux-armhf.so. "
			    "ld-linux-riscv ld-musl-x ld-musl-aarch ld-musl-armhf.so. ld-musl-i "
			    "ld-musl-riscv ld.so ld.so.",
		.flags = SCRIPT_WRAPPER,
		.value = "--argv0 --audit --glibc-hwcaps-mask --glibc-hwcaps-prepend --inhibit-rpath "
			 "--library-path --preload",
		.stop = "--list --verify --list-tunables --list-diagnostics --help --version",
	},
	[CLASS_QEMU] = {
		.programs = "qemu-aarch qemu-arm qemu-arm-static qemu-armeb qemu-i qemu-loongarch "
			    "qemu-mips qemu-mips-static qemu-mipsel qemu-mipsel-static qemu-ppc "
			    "qemu-riscv qemu-s qemu-x",
		.flags = SCRIPT_WRAPPER,
		.value = "-0 -B -D -E -L -R -U -cpu -d -dfilter -g -p -plugin -r -s -seed -t -tb-size "
			 "-trace",
	},
};

/* Options of the Erlang VM and main classes of Java: a name of a rank, or a class that goes on. */
static const struct special_row {
	enum class_id class;
	const char *word;
	enum script_action action;
	u32 arg;
} special_rows[] = {
	{ CLASS_BEAM, "-name", SCRIPT_HINT, SCRIPT_RANK_FOUND + 1 },
	{ CLASS_BEAM, "-sname", SCRIPT_HINT, SCRIPT_RANK_FOUND + 1 },
	{ CLASS_BEAM, "-extra", SCRIPT_BECOME, CLASS_ELIXIR },
	{ CLASS_BEAM, "-s", SCRIPT_HINT, 2 },
	{ CLASS_BEAM, "-run", SCRIPT_HINT, 2 },
	{ CLASS_BEAM, "-progname", SCRIPT_HINT, 1 },
	{ CLASS_SPARK, "--class", SCRIPT_HINT, SCRIPT_RANK_FOUND + 1 },
	{ CLASS_JAVA, "org.jetbrains.kotlin.runner.Main", SCRIPT_BECOME, CLASS_KOTLIN },
	{ CLASS_JAVA, "org.jetbrains.kotlin.preloading.Preloader", SCRIPT_BECOME, CLASS_KOTLIN },
	{ CLASS_JAVA, "scala.tools.nsc.MainGenericRunner", SCRIPT_BECOME, CLASS_SCALA },
	{ CLASS_JAVA, "dotty.tools.MainGenericRunner", SCRIPT_BECOME, CLASS_SCALA },
	{ CLASS_JAVA, "clojure.main", SCRIPT_BECOME, CLASS_CLOJURE },
	{ CLASS_JAVA, "org.codehaus.groovy.tools.GroovyStarter", SCRIPT_BECOME, CLASS_GROOVY },
	{ CLASS_JAVA, "org.apache.groovy.tools.GroovyStarter", SCRIPT_BECOME, CLASS_GROOVY },
	{ CLASS_JAVA, "org.apache.spark.deploy.SparkSubmit", SCRIPT_BECOME, CLASS_SPARK },
	{ CLASS_JAVA, "org.jruby.Main", SCRIPT_BECOME, CLASS_RUBY },
	{ CLASS_JAVA, "org.jruby.main.Main", SCRIPT_BECOME, CLASS_RUBY },
	{ CLASS_JAVA, "org.python.util.jython", SCRIPT_BECOME, CLASS_PYTHON },
};

/* --- the rows as tables */

static struct interpreter_row rows[ROWS_MAX];
static struct script_class classes[CLASSES];
static struct interpreter_tables tables = { .rows = rows,
					    .classes = classes,
					    .class_cnt = CLASSES };

static void row_add(u64 key, u32 row)
{
	if (!key || tables.row_cnt == ROWS_MAX)
		abort(); /* a build with too many rows, which the tests would find */
	rows[tables.row_cnt++] = (struct interpreter_row){ key, row };
}

/* The next word of a list, cut to what a row may be long; false at its end. */
static bool word_next(const char **list, char word[SCRIPT_PIECE])
{
	size_t len;

	if (!*list)
		return false;
	*list += strspn(*list, " ");
	len = strcspn(*list, " ");
	memset(word, 0, SCRIPT_PIECE);
	memcpy(word, *list, len < SCRIPT_WORD_MAX ? len : SCRIPT_WORD_MAX);
	*list += len;
	return len;
}

static void option_add(u32 class, const char word[SCRIPT_PIECE], u32 row)
{
	struct script s = { .class = class, .flags = class_rows[class].flags };

	memcpy(s.piece, word, sizeof(s.piece));
	row_add(script_option_key(&s), row);
}

static void options_add(u32 class, const char *list, enum script_action action)
{
	char word[SCRIPT_PIECE];

	while (word_next(&list, word))
		if (class_rows[class].flags & SCRIPT_LETTERS && word[0] == '-' && word[1] &&
		    word[1] != '-' && !word[2])
			classes[class].letter[word[1] & 127] = (u8)action;
		else
			option_add(class, word, SCRIPT_ROW(action, 0));
}

static void class_add(u32 class)
{
	const struct class_row *c = &class_rows[class];
	const char *list = c->programs;
	char word[SCRIPT_PIECE];

	classes[class].flags = c->flags;
	while (word_next(&list, word))
		row_add(script_program_key(word), SCRIPT_ROW(SCRIPT_BECOME, class));
	options_add(class, c->flag, SCRIPT_FLAG);
	options_add(class, c->value, SCRIPT_VALUE);
	options_add(class, c->next, SCRIPT_NEXT);
	options_add(class, c->rest, SCRIPT_REST);
	options_add(class, c->name, SCRIPT_NAME);
	options_add(class, c->stop, SCRIPT_STOP);
	options_add(class, c->end, SCRIPT_END);
}

static int row_compare(const void *a, const void *b)
{
	const struct interpreter_row *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

const struct interpreter_tables *interpreter_tables(void)
{
	if (tables.row_cnt)
		return &tables;
	for (u32 class = CLASS_NAMES + 1; class < CLASSES; class ++)
		class_add(class);
	for (size_t i = 0; i < sizeof(special_rows) / sizeof(*special_rows); i++) {
		const struct special_row *s = &special_rows[i];
		char word[SCRIPT_PIECE] = "";

		memcpy(word, s->word, strnlen(s->word, SCRIPT_WORD_MAX));
		option_add(s->class, word, SCRIPT_ROW(s->action, s->arg));
	}
	qsort(rows, tables.row_cnt, sizeof(*rows), row_compare);
	return &tables;
}

/* --- the search */

static inline const u32 *script_row(u64 key)
{
	const struct interpreter_tables *t = interpreter_tables();
	const struct interpreter_row wanted = { key, 0 }, *found;

	found = bsearch(&wanted, t->rows, t->row_cnt, sizeof(*t->rows), row_compare);
	return found ? &found->row : NULL;
}

static inline const struct script_class *script_class(u32 class)
{
	return class < CLASSES ? &classes[class] : NULL;
}

u32 interpreter_class(const char *base)
{
	return script_program_class(base);
}

u32 interpreter_file_class(const char *base, const char *as)
{
	return script_program_class(as) ?: script_file_class(base, *as);
}

static size_t base_write(struct script *s, u64 at, char name[IDENTITY_NAME])
{
	u32 pieces = 0;

	_Static_assert(IDENTITY_NAME == SCRIPT_PIECE, "a name is a piece");
	memset(name, 0, IDENTITY_NAME);
	script_base_begin(s, at);
	while (script_base_step(s) && ++pieces < SCRIPT_PATH_PIECES)
		;
	script_dots(s);
	memcpy(name, s->piece + s->base, s->len);
	return s->len;
}

size_t interpreter_base(const char *path, char name[IDENTITY_NAME])
{
	struct script s = { 0 };

	return base_write(&s, (uintptr_t)path, name);
}

size_t interpreter_script(u32 class, const char *args, size_t len, char name[IDENTITY_NAME])
{
	struct script s = { 0 };
	u32 steps = 0;

	script_begin(&s, class, (uintptr_t)args, (uintptr_t)args + len);
	while (class && script_step(&s) && ++steps < SCRIPT_STEPS)
		;
	memset(name, 0, IDENTITY_NAME);
	return s.name ? base_write(&s, s.name, name) : 0;
}
