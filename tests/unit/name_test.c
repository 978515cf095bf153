// SPDX-License-Identifier: BSD-3-Clause
#include "service/name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define ID   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2  "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define UID  "12345678-9abc-def0-1234-56789abcdef0"
#define U_D  "12345678_9abc_def0_1234_56789abcdef0"
#define USER "/user.slice/user-1000.slice"

static struct lookups nowhere = { .root = "/nonexistent" };

/* One process with paths in up to two hierarchies. */
static const char *name_of(const char *cgroup, const char *cgroup2)
{
	static char name[256];
	struct service_facts f = {
		.cgroups = { cgroup, cgroup2 },
		.cgroup_cnt = cgroup2 ? 2 : 1,
		.exe = "/usr/bin/prog",
		.name = "",
		.command = "",
	};

	service_name(NULL, 0, &nowhere, &f, name, sizeof(name));
	return name;
}

static const struct {
	const char *path, *name;
} cgroup_rows[] = {
	/* systemd */
	{ "/system.slice/nginx.service", "nginx.service" },
	{ "/system.slice/nginx.service/worker/1", "nginx.service" },
	{ "/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service" },
	{ "/system.slice/run-r12.scope", "run-r12.scope" },
	{ "/init.scope", "init.scope" },
	{ USER "/user@1000.service/app.slice/foo.service", "user@1000/foo.service" },
	{ USER "/user@1000.service/init.scope", "user@1000.service" },
	{ USER "/user@1000.service", "user@1000.service" },
	{ USER "/session-3.scope", "prog" },
	{ USER "/session-c1.scope/below", "prog" },
	{ "/system.slice/_cpu.service", "cpu.service" },
	{ "/system.slice/nginx.service (deleted)", "nginx.service" },
	{ "/system.slice/dev-sda1.swap", "prog" },
	{ "/system.slice", "prog" },
	{ "/machine.slice/systemd-nspawn@foo.service", "systemd-nspawn@foo.service" },
	{ "/machine.slice/systemd-nspawn@foo.service/payload/init.scope",
	  "systemd-nspawn@foo.service" },
	{ "/machine.slice/machine-foo.scope", "machine-foo.scope" },
	/* managers inside the host's */
	{ "/machine.slice/systemd-nspawn@web1.service/payload/system.slice/nginx.service",
	  "web1/nginx.service" },
	{ "/machine.slice/systemd-nspawn@web1.service/supervisor", "systemd-nspawn@web1.service" },
	{ "/machine.slice/machine-web1.scope/payload/system.slice/nginx.service",
	  "web1/nginx.service" },
	{ "/machine.slice/machine-web1.scope/system.slice/nginx.service/worker",
	  "web1/nginx.service" },
	{ "/machine.slice/machine-web\\x2d1.scope/system.slice/a\\x2db.service",
	  "web-1/a\\x2db.service" },
	{ "/machine.slice/systemd-nspawn@web1.service/payload" USER
	  "/user@1000.service/app.slice/foo.service",
	  "web1/user@1000/foo.service" },
	{ "/machine.slice/systemd-nspawn@web1.service/payload" USER "/user@1000.service/init.scope",
	  "web1/user@1000.service" },
	{ "/machine.slice/systemd-nspawn@web1.service/payload" USER "/session-1.scope",
	  "web1/prog" },
	{ "/machine.slice/systemd-nspawn@a.service/payload/machine.slice/machine-b.scope"
	  "/system.slice/x.service",
	  "a/b/x.service" },
	{ "/a.service/b.service/c.service/d.service/e.service/f.service/g.service",
	  "a/b/c/d/g.service" },
	{ "/machine.slice/machine-.scope/x.service", "machine-/x.service" },
	{ "/1/2/3/4/5/6/7/8/9/10/x.service/11/12/13/14/15/16/17/18/19/20/21", "x.service" },
	{ "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", "machine-qemu\\x2d1\\x2dvm.scope" },
	/* docker */
	{ "/docker/" ID, "0123456789ab" },
	{ "/system.slice/docker-" ID ".scope", "0123456789ab" },
	{ "/system.slice/docker-" ID ".scope/system.slice/nginx.service", "0123456789ab" },
	{ "/system.slice:docker:" ID, "0123456789ab" },
	{ "/docker/" ID "/docker/" ID2, "fedcba987654" },
	{ USER "/user@1000.service/user.slice/docker-" ID ".scope", "0123456789ab" },
	{ "/system.slice/docker.service", "docker.service" },
	{ "/system.slice/docker-0123456789ab.scope", "docker-0123456789ab.scope" },
	/* containerd */
	{ "/default/" ID, "0123456789ab" },
	{ "/system.slice/containerd.service", "containerd.service" },
	{ "/system.slice/containerd.service/kubepods-burstable-pod" U_D ".slice:cri-containerd:" ID,
	  "pod/" UID },
	{ "/system.slice/containerd.service/default:nerdctl:" ID, "0123456789ab" },
	/* cri-o, podman */
	{ "/machine.slice/crio-" ID ".scope", "0123456789ab" },
	{ "/machine.slice/crio-conmon-" ID ".scope", "prog" },
	{ "/machine.slice/libpod-" ID ".scope/container", "0123456789ab" },
	{ "/machine.slice/libpod-conmon-" ID ".scope", "prog" },
	{ USER "/user@1000.service/user.slice/libpod-" ID ".scope", "0123456789ab" },
	{ USER "/user@1000.service/user.slice/libpod-conmon-" ID ".scope", "prog" },
	{ "/machine.slice/machine-libpod_pod_" ID2 ".slice/libpod-" ID ".scope/container",
	  "0123456789ab" },
	{ "/libpod_parent/libpod-" ID, "0123456789ab" },
	{ "/libpod_parent/" ID2 "/libpod-" ID, "0123456789ab" },
	{ "/libpod_parent/libpod-" ID "/ctr", "0123456789ab" },
	/* Kubernetes */
	{ "/kubepods/burstable/pod" UID "/" ID, "pod/" UID },
	{ "/kubepods/pod" UID "/" ID, "pod/" UID },
	{ "/kubepods/besteffort/pod0123456789abcdef0123456789abcdef/" ID,
	  "pod/0123456789abcdef0123456789abcdef" },
	{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" U_D
	  ".slice/cri-containerd-" ID ".scope",
	  "pod/" UID },
	{ "/kubepods.slice/kubepods-pod" U_D ".slice/crio-" ID ".scope", "pod/" UID },
	{ "/kubepods.slice/kubepods-pod" U_D ".slice/docker-" ID ".scope/init.scope", "pod/" UID },
	{ "/system.slice/docker-" ID2 ".scope/kubelet.slice/kubelet-kubepods.slice"
	  "/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod" U_D
	  ".slice/cri-containerd-" ID ".scope",
	  "pod/" UID },
	{ "/docker/" ID2 "/kubelet/kubepods/burstable/pod" UID "/" ID, "pod/" UID },
	{ "/docker/" ID2 "/kubelet/kubelet.service", "fedcba987654" },
	{ "/kubepods/tripod" UID "/x", "prog" },
	{ "/kubepods/pod1234/x", "prog" },
	/* lxc, LXD */
	{ "/lxc.payload.web", "web" },
	{ "/lxc.payload.web/system.slice/nginx.service", "web" },
	{ "/lxc.payload/web/system.slice", "web" },
	{ "/lxc/101/ns/system.slice/nginx.service", "101" },
	{ "/lxc.monitor.web", "prog" },
	{ "/lxc.payload.", "prog" },
	{ "/lxc", "prog" },
	/* odd ones */
	{ "/", "prog" },
	{ "", "prog" },
	{ "nginx.service", "nginx.service" },
	{ "//a///b.service//", "b.service" },
	{ "/../../x.service/..", "x.service" },
	{ "/.service", "prog" },
	{ "/.scope", "prog" },
	{ "/a\"b\\c\xff.service", "a\"b\\c\xff.service" },
};

static void cgroup_test(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cgroup_rows) / sizeof(*cgroup_rows); i++)
		if (strcmp(name_of(cgroup_rows[i].path, NULL), cgroup_rows[i].name))
			fail_msg("%s is '%s', not '%s'", cgroup_rows[i].path,
				 name_of(cgroup_rows[i].path, NULL), cgroup_rows[i].name);
}

/* Of several hierarchies the one that tells most. */
static void hierarchies_test(void **state)
{
	(void)state;
	assert_string_equal(name_of("/user.slice", "/system.slice/a.service"), "a.service");
	assert_string_equal(name_of(USER "/user@1000.service", USER "/user@1000.service/b.service"),
			    "user@1000/b.service");
	assert_string_equal(name_of(USER "/user@1000.service/b.service", USER "/user@1000.service"),
			    "user@1000/b.service");
	assert_string_equal(name_of("/system.slice/sshd.service", USER "/session-1.scope"), "prog");
	assert_string_equal(name_of("/system.slice/docker.service", "/docker/" ID), "0123456789ab");
	assert_string_equal(name_of("/docker/" ID, "/kubepods/pod" UID "/" ID), "pod/" UID);
}

static void program_test(void **state)
{
	static const struct {
		const char *exe, *program, *name;
		bool kernel;
	} rows[] = {
		{ "/usr/sbin/nginx", "", "nginx", false },
		{ "/usr/sbin/nginx (deleted)", "", "nginx", false },
		{ "nginx", "", "nginx", false },
		{ "/usr/bin/python3.11", "app.py", "app.py", false },
		{ "/usr/bin/busybox", "httpd", "httpd", false },
		{ "/usr/bin/a", "my app.py", "my app.py", false },
		/* files without a path */
		{ "/memfd:prog", "memfd:prog", "prog", false },
		{ "/memfd:prog (deleted)", "", "prog", false },
		{ "/memfd:", "memfd:", "memfd", false },
		{ "/memfd:runc_cloned:/proc/self/exe", "memfd:runc_cloned:/proc/self/exe",
		  "runc_cloned", false },
		{ "/memfd:/x", "memfd:/x", "memfd", false },
		/* names that are taken */
		{ "/opt/kernel", "", "program/kernel", false },
		{ "/bin/sh", "other", "program/other", false },
		{ "/opt/unknown", "unknown", "program/unknown", false },
		{ "/opt/commands", "commands", "program/commands", false },
		{ "/opt/kernels", "", "kernels", false },
		{ "", "", "kernel", true },
		{ "", "", "unknown", false },
		{ "/", "", "unknown", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct service_facts f = {
			.exe = rows[i].exe,
			.name = rows[i].program,
			.command = "",
			.kernel = rows[i].kernel,
		};
		struct name_origin got;
		char name[64];

		got = service_name(NULL, 0, &nowhere, &f, name, sizeof(name));
		assert_string_equal(name, rows[i].name);
		assert_int_equal(got.kind, !strcmp(name, "kernel")    ? SERVICE_KERNEL
					   : !strcmp(name, "unknown") ? SERVICE_OTHER
								      : SERVICE_PROGRAM);
	}
}

/* Work that the kernel does for a service is the service's. */
static void kernel_test(void **state)
{
	struct service_facts f = {
		.cgroups = { "/system.slice/a.service" },
		.cgroup_cnt = 1,
		.exe = "",
		.name = "",
		.command = "",
		.kernel = true,
	};
	char name[64];

	(void)state;
	service_name(NULL, 0, &nowhere, &f, name, sizeof(name));
	assert_string_equal(name, "a.service");
	f.cgroups[0] = USER "/session-1.scope";
	service_name(NULL, 0, &nowhere, &f, name, sizeof(name));
	assert_string_equal(name, "kernel");
}

/* Which cgroup is the service, in which others of it may be. */
static void origin_test(void **state)
{
	static const struct service_rule glob = { .name = "r",
						  .match = { .cgroup = "*.slice/x*" } };
	static const struct service_rule exe = { .name = "r", .match = { .exe = "prog" } };
	static const struct {
		const struct service_rule *rule;
		const char *cgroup, *cgroup2, *origin;
	} rows[] = {
		{ NULL, "/system.slice/nginx.service/worker/1", "/",
		  "/system.slice/nginx.service" },
		{ NULL, "/a", USER "/user@1000.service/app.slice/foo.service",
		  USER "/user@1000.service/app.slice/foo.service" },
		{ NULL, "/docker/" ID "/init", "/docker/" ID, "/docker/" ID },
		{ NULL, "/kubepods.slice/kubepods-pod" U_D ".slice/cri-containerd-" ID ".scope",
		  "/", "/kubepods.slice/kubepods-pod" U_D ".slice/cri-containerd-" ID ".scope" },
		{ NULL, "/kubepods/pod" UID "/x", "/", "/kubepods/pod" UID },
		{ NULL, USER "/session-1.scope", "/", "" },
		{ NULL, "/", "/", "" },
		{ &glob, "/", "/b.slice/x1/y", "/b.slice/x1/y" },
		{ &exe, "/system.slice/nginx.service", "/", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct service_facts f = {
			.cgroups = { rows[i].cgroup, rows[i].cgroup2 },
			.cgroup_cnt = 2,
			.exe = "/usr/bin/prog",
			.name = "",
			.command = "",
		};
		struct name_origin got;
		char name[256];

		got = service_name(rows[i].rule, rows[i].rule != NULL, &nowhere, &f, name,
				   sizeof(name));
		assert_int_equal(got.len, strlen(rows[i].origin));
		if (got.len)
			assert_memory_equal(got.path, rows[i].origin, got.len);
	}
}

static void rule_test(void **state)
{
	static const struct service_rule rules[] = {
		{ "both", { .exe = "java", .port = 8080 } },
		{ "jar", { .exe = "/opt/*/bin/java", .command = "*-jar app.jar*" } },
		{ "base", { .exe = "pyth*" } },
		{ "group", { .cgroup = "*/checkout*.service" } },
		{ "any", { .exe = "*x*" } },
	};
	static const struct {
		const char *name;
		struct service_facts f;
	} rows[] = {
		{ "both", { .exe = "/usr/bin/java", .port = 8080 } },
		{ "java", { .exe = "/usr/bin/java", .port = 80 } },
		{ "jar", { .exe = "/opt/a/b/bin/java", .command = "java -jar app.jar x" } },
		{ "java", { .exe = "/opt/a/b/bin/java", .command = "java -jar ap.jar x" } },
		{ "base", { .exe = "/usr/bin/python3" } },
		{ "base", { .exe = "/usr/bin/python3 (deleted)" } },
		{ "java", { .exe = "/pyth/java" } },
		{ "group",
		  { .exe = "/b",
		    .cgroups = { "/", "/a.slice/checkout-1.service" },
		    .cgroup_cnt = 2 } },
		{ "group",
		  { .exe = "/b", .cgroups = { "/a/b/checkout.service" }, .cgroup_cnt = 1 } },
		{ "kernel", { .exe = "", .kernel = true } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct service_facts f = rows[i].f;
		char name[64];

		f.name = "";
		f.command = f.command ? f.command : "";
		service_name(rules, sizeof(rules) / sizeof(*rules), &nowhere, &f, name,
			     sizeof(name));
		if (strcmp(name, rows[i].name))
			fail_msg("%s is '%s', not '%s'", f.exe, name, rows[i].name);
	}
}

static void long_test(void **state)
{
	char path[4200], name[64];
	struct service_facts f = { .cgroups = { path }, .exe = path, .name = "", .command = "" };

	(void)state;
	memset(path, 'n', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	for (f.cgroup_cnt = 0; f.cgroup_cnt < 2; f.cgroup_cnt++) {
		service_name(NULL, 0, &nowhere, &f, name, sizeof(name));
		assert_int_equal(strlen(name), sizeof(name) - 1);
		assert_int_equal(strspn(name, "n"), sizeof(name) - 1);
		memcpy(path + sizeof(path) - 9, ".service", 9);
	}
}

/* What a local user can put into a command line must not stop the daemon. */
static void glob_time_test(void **state)
{
	struct service_rule rule = { "x", { .command = "*a*a*a*a*a*a*a*a*b" } };
	char command[4096], name[64];
	struct service_facts f = { .exe = "/p", .name = "", .command = command };

	(void)state;
	memset(command, 'a', sizeof(command));
	command[sizeof(command) - 1] = '\0';
	service_name(&rule, 1, &nowhere, &f, name, sizeof(name));
	assert_string_equal(name, "p");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cgroup_test),	cmocka_unit_test(hierarchies_test),
		cmocka_unit_test(program_test), cmocka_unit_test(kernel_test),
		cmocka_unit_test(origin_test),	cmocka_unit_test(rule_test),
		cmocka_unit_test(long_test),	cmocka_unit_test(glob_time_test),
	};

	return cmocka_run_group_tests_name("name", tests, NULL, NULL);
}
