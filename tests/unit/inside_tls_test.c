// SPDX-License-Identifier: BSD-3-Clause
/* Which libraries are looked into, by files and processes that are real; what is attached to them is counted only. */
#include "collect.h"

#include <elf.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collect/inside_tls.h"
#include "lib/log.h"
#include "probe/tls_functions.h"

#define LIBRARIES (TLS_FILES + 2)

static struct fixture *f;
static struct collector *collector; /* with a worker */
static struct registry registry;
static struct probe fake_tls;
static struct tls_settings settings;
static char folder[] = "/tmp/inside-tls-test.XXXXXX";
static void *mapped[LIBRARIES];

/* --- stand-ins */

static int attached, attach_err; /* hooks that there are; what the next ones fail with */
static unsigned attach_cnt, warned;
static bool worker_full;
static struct job *job;
static char some_worker; /* its address */

int __wrap_tls_attach(struct probe_run *run, int fd, const struct code_place *places,
		      struct tls_hooks *ret);
void __wrap_tls_detach(struct tls_hooks *const *files, size_t cnt);
void __wrap_tls_program_set(struct probe_run *run, const struct identity_key *key, bool wanted);
void __wrap_tls_programs_clear(struct probe_run *run);
const void *__wrap_conf_probe_settings(const struct conf *c, const char *name);
int __wrap_worker_add(struct worker *w, struct job *j);
void __wrap_log_printf(enum log_level level, const char *fmt, ...);

int __wrap_tls_attach(struct probe_run *run, int fd, const struct code_place *places,
		      struct tls_hooks *ret)
{
	(void)run, (void)fd;
	for (unsigned i = 0; tls_functions[i].name; i++)
		assert_int_equal(places[i].begin,
				 strcmp(tls_functions[i].name, "SSL_free") ? 0 : 16);
	ret->cnt = !attach_err;
	attached += !attach_err;
	attach_cnt += !attach_err;
	return attach_err;
}

void __wrap_tls_detach(struct tls_hooks *const *files, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++) {
		attached -= (int)files[i]->cnt;
		files[i]->cnt = 0;
	}
}

void __wrap_tls_program_set(struct probe_run *run, const struct identity_key *key, bool wanted)
{
	(void)run, (void)key, (void)wanted;
}

void __wrap_tls_programs_clear(struct probe_run *run)
{
	(void)run;
}

const void *__wrap_conf_probe_settings(const struct conf *c, const char *name)
{
	(void)c;
	assert_string_equal(name, "tls");
	return &settings;
}

int __wrap_worker_add(struct worker *w, struct job *j)
{
	(void)w;
	if (worker_full)
		return -EAGAIN;
	assert_null(job);
	job = j;
	return 0;
}

void __wrap_log_printf(enum log_level level, const char *fmt, ...)
{
	(void)fmt;
	warned += level == SEISMO_LOG_WARN;
}

/* --- libraries: files with one function */

static const struct library {
	Elf64_Ehdr head;
	Elf64_Phdr segment;
	Elf64_Shdr sections[3];
	Elf64_Sym symbols[2];
	char names[16];
} library = {
	.head = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
			       __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB
									 : ELFDATA2MSB },
		  .e_phoff = offsetof(struct library, segment),
		  .e_phentsize = sizeof(Elf64_Phdr),
		  .e_phnum = 1,
		  .e_shoff = offsetof(struct library, sections),
		  .e_shentsize = sizeof(Elf64_Shdr),
		  .e_shnum = 3 },
	.segment = { .p_type = PT_LOAD, .p_filesz = sizeof(struct library) },
	.sections = { { 0 },
		      { .sh_type = SHT_DYNSYM,
			.sh_offset = offsetof(struct library, symbols),
			.sh_size = 2 * sizeof(Elf64_Sym),
			.sh_entsize = sizeof(Elf64_Sym),
			.sh_link = 2 },
		      { .sh_type = SHT_STRTAB,
			.sh_offset = offsetof(struct library, names),
			.sh_size = 16 } },
	.symbols = { { 0 },
		     { .st_name = 1,
		       .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
		       .st_shndx = 1,
		       .st_value = 16 } },
	.names = "\0SSL_free",
};

static const char *library_path(unsigned i)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/libssl.so.%02u", folder, i);
	return path;
}

/* Its file is made where it is not there. */
static void library_map(unsigned i)
{
	int fd = open(library_path(i), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	if (!st.st_size)
		assert_int_equal(write(fd, &library, sizeof(library)), sizeof(library));
	mapped[i] = mmap(NULL, sizeof(library), PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	assert_true(mapped[i] != MAP_FAILED);
	close(fd);
}

static void library_unmap(unsigned i)
{
	if (mapped[i])
		munmap(mapped[i], sizeof(library));
	mapped[i] = NULL;
}

/* A process that has mapped what this one has, until it is ended. */
static pid_t process_begin(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	alarm(300);
	while (true)
		pause();
}

static void process_end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* --- rounds */

static void services_set(const char *pattern)
{
	settings.services = (u64)(uintptr_t)pattern;
}

/* So much time goes by, and there is a reading. */
static void read_after(u64 seconds)
{
	struct job *j;

	f->now_ns += seconds * SECOND;
	assert_int_equal(collector_read(collector, f->now_ns), 0);
	j = job;
	job = NULL;
	if (!j)
		return;
	j->work(j);
	j->done(j);
}

static struct inside_tls *inside(void)
{
	return collector_inside_tls(collector);
}

struct told {
	const char *path, *service; /* looked for */
	const char *why;
	unsigned cnt;
};

static void tell(void *ctx, const struct inside_tls_file *file, const char *service)
{
	struct told *told = ctx;

	if (!strstr(file->path, told->path) || strcmp(told->service, service ?: "") != 0)
		return;
	told->why = file->why;
	told->cnt++;
}

/* Is the file told of with the service, "" for nobody? */
static struct told told_of(const char *path, const char *service)
{
	struct told told = { .path = path, .service = service };

	inside_tls_each(inside(), tell, &told);
	return told;
}

static int setup(void **state)
{
	(void)state;
	attached = attach_err = 0;
	attach_cnt = warned = 0;
	worker_full = false;
	job = NULL;
	f = fixture_with_services();
	fake_tls = fake_probe;
	fake_tls.name = "tls";
	kernel.run.probe = &fake_tls;
	collector = collector_new(&kernel.tables, f->conf, &registry, kernel.runs, NULL,
				  (struct worker *)&some_worker);
	assert_non_null(collector);
	kernel.alive[1].pid = (u32)getpid();
	services_set("alpha");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LIBRARIES; i++)
		library_unmap(i);
	collector_free(collector);
	registry_release(&registry);
	fixture_free(f);
	return 0;
}

/* --- tests */

static void a_library_is_attached_once(void **state)
{
	(void)state;
	library_map(0);
	kernel.alive[2].pid = kernel.alive[3].pid = kernel.alive[1].pid;
	read_after(1);
	read_after(1);
	assert_int_equal(attach_cnt, 1);
	assert_true(told_of("libssl.so.00", "alpha").cnt > 0);
	assert_null(told_of("libssl.so.00", "alpha").why);
	assert_int_equal(told_of("libssl.so.00", "beta").cnt, 0);
	assert_int_equal(told_of("inside_tls_test", "alpha").cnt, 0); /* the program */
}

static void a_program_without_library_is_told_of(void **state)
{
	(void)state;
	read_after(1);
	assert_int_equal(told_of("inside_tls_test", "alpha").cnt, 1);
	assert_string_equal(told_of("inside_tls_test", "alpha").why,
			    "no function of OpenSSL or GnuTLS");
	assert_false(inside_tls_failed(inside()));
	assert_int_equal(warned, 0);
}

static void it_is_let_go_a_minute_after_the_last_use(void **state)
{
	(void)state;
	library_map(0);
	read_after(1);
	library_unmap(0);
	read_after(59);
	assert_int_equal(attached, 1);
	assert_int_equal(told_of("libssl.so.00", "").cnt, 1);
	library_map(0);
	read_after(5);
	library_unmap(0);
	read_after(59);
	assert_int_equal(attached, 1);
	read_after(1);
	assert_int_equal(attached, 0);
	assert_int_equal(attach_cnt, 1);
}

static void it_is_let_go_at_once_when_nobody_is_wanted(void **state)
{
	(void)state;
	library_map(0);
	read_after(1);
	services_set("beta");
	read_after(1);
	assert_int_equal(attached, 0);
	services_set("al*");
	read_after(1);
	assert_int_equal(attached, 1);
	services_set(NULL);
	read_after(1);
	assert_int_equal(attached, 0);
}

/* A round in which the worker has no time. */
static void it_is_let_go_in_the_next_round_that_there_is(void **state)
{
	(void)state;
	library_map(0);
	read_after(1);
	services_set("beta");
	worker_full = true;
	read_after(1);
	assert_int_equal(attached, 1);
	worker_full = false;
	read_after(1);
	assert_int_equal(attached, 0);
}

static void what_both_want_stays(void **state)
{
	(void)state;
	library_map(0);
	kernel.alive[2].pid = kernel.alive[1].pid;
	read_after(1);
	services_set("beta");
	read_after(1);
	assert_int_equal(attached, 1);
	assert_int_equal(attach_cnt, 1);
	assert_int_equal(told_of("libssl.so.00", "beta").cnt, 1);
}

/* The younger process of a program has another file, since this one was replaced. Returns the older one. */
static pid_t library_replace(void)
{
	pid_t old;

	library_map(0);
	old = process_begin();
	kernel.alive[1].pid = (u32)old;
	read_after(1);
	library_unmap(0);
	unlink(library_path(0));
	library_map(1);
	kernel.alive[1].pid = (u32)getpid();
	return old;
}

static void a_replaced_library_stays_as_long_as_a_process_has_it(void **state)
{
	pid_t old = library_replace();

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		read_after(5);
	assert_int_equal(attached, 2);
	process_end(old);
	for (unsigned i = 0; i < 25; i++)
		read_after(5);
	assert_int_equal(attached, 1);
	assert_int_equal(attach_cnt, 2);
}

static void a_replaced_library_stays_while_its_service_is_named(void **state)
{
	pid_t old = library_replace();

	(void)state;
	read_after(1);
	assert_int_equal(attached, 2);
	services_set("al*");
	read_after(1);
	assert_int_equal(attached, 2);
	services_set("beta");
	read_after(1);
	assert_int_equal(attached, 0);
	process_end(old);
	assert_int_equal(attach_cnt, 2);
}

static void a_file_that_was_written_to_is_attached_anew(void **state)
{
	const struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

	(void)state;
	library_map(0);
	read_after(1);
	assert_int_equal(utimensat(AT_FDCWD, library_path(0), times, 0), 0);
	read_after(1);
	read_after(1);
	assert_int_equal(attach_cnt, 2);
	assert_int_equal(attached, 1);
}

static void one_that_cannot_be_attached_is_told_of(void **state)
{
	(void)state;
	library_map(0);
	attach_err = -EPERM;
	read_after(1);
	assert_string_equal(told_of("libssl.so.00", "alpha").why, kernel_reason(-EPERM));
	attach_err = 0;
	read_after(120);
	assert_true(inside_tls_failed(inside()));
}

static void what_may_pass_is_tried_again_after_a_minute(void **state)
{
	(void)state;
	library_map(0);
	attach_err = -EMFILE;
	read_after(1);
	assert_true(inside_tls_failed(inside()));
	attach_err = 0;
	read_after(59);
	assert_int_equal(attached, 0);
	read_after(1);
	assert_int_equal(attached, 1);
	assert_false(inside_tls_failed(inside()));
	assert_null(told_of("libssl.so.00", "alpha").why);
}

/* Of a process with many files most are told of as nobody's. */
static bool is_waiting(unsigned i)
{
	assert_true(i < LIBRARIES);
	return told_of(library_path(i), "alpha").why || told_of(library_path(i), "").why;
}

static void those_that_there_is_no_room_for_are_told_of_once(void **state)
{
	unsigned waiting = 0;

	(void)state;
	for (unsigned i = 0; i < LIBRARIES; i++)
		library_map(i);
	read_after(1);
	read_after(1);
	assert_int_equal(attached, TLS_FILES);
	assert_int_equal(warned, 1);
	assert_true(inside_tls_failed(inside()));
	while (!is_waiting(waiting))
		waiting++;
	for (unsigned i = 0; i < LIBRARIES; i++)
		if (i != waiting)
			library_unmap(i);
	read_after(60);
	read_after(1);
	assert_int_equal(attached, 1);
	assert_false(inside_tls_failed(inside()));
	assert_int_equal(told_of(library_path(waiting), "alpha").cnt, 1);
	assert_null(told_of(library_path(waiting), "alpha").why);
	assert_int_equal(warned, 1);
}

/* Without those that open a file by its mapping: the daemon's service has neither. */
static int capabilities_drop(void)
{
	const u64 dropped = 1ULL << CAP_SYS_ADMIN | 1ULL << 40 /* CAP_CHECKPOINT_RESTORE */;
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &head, caps))
		return -1;
	for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		caps[i].effective &= ~(u32)(dropped >> 32 * i);
		caps[i].permitted &= ~(u32)(dropped >> 32 * i);
	}
	return (int)syscall(SYS_capset, &head, caps);
}

static int group_setup(void **state)
{
	(void)state;
	return mkdtemp(folder) ? capabilities_drop() : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LIBRARIES; i++)
		unlink(library_path(i));
	return rmdir(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_library_is_attached_once),
		TEST(a_program_without_library_is_told_of),
		TEST(it_is_let_go_a_minute_after_the_last_use),
		TEST(it_is_let_go_at_once_when_nobody_is_wanted),
		TEST(it_is_let_go_in_the_next_round_that_there_is),
		TEST(what_both_want_stays),
		TEST(a_replaced_library_stays_as_long_as_a_process_has_it),
		TEST(a_replaced_library_stays_while_its_service_is_named),
		TEST(a_file_that_was_written_to_is_attached_anew),
		TEST(one_that_cannot_be_attached_is_told_of),
		TEST(what_may_pass_is_tried_again_after_a_minute),
		TEST(those_that_there_is_no_room_for_are_told_of_once),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
