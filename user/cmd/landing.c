// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/landing.h"

#include <string.h>
#include <sys/utsname.h>

#include "lib/version.h"

static void html_add(struct buf *out, const char *text)
{
	for (; *text; text++) {
		const char *escape = *text == '<'   ? "&lt;"
				     : *text == '>' ? "&gt;"
				     : *text == '&' ? "&amp;"
				     : *text == '"' ? "&quot;"
						    : NULL;

		if (escape)
			buf_str(out, escape);
		else
			buf_char(out, *text);
	}
}

void landing_write(struct buf *out, const struct http_route *routes,
		   const struct http_request *request, bool ready)
{
	struct utsname host;

	if (uname(&host))
		strcpy(host.nodename, "");
	buf_str(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		     "<meta name=\"viewport\" content=\"width=device-width\">\n<title>Seismo on ");
	html_add(out, host.nodename);
	buf_str(out, "</title>\n<style>\n:root { color-scheme: light dark; }\n"
		     "body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem; }\n"
		     "td { padding: 0 1.5rem 0 0; }\n</style>\n</head>\n<body>\n<h1>Seismo on ");
	html_add(out, host.nodename);
	buf_str(out, "</h1>\n<p>Version ");
	html_add(out, version);
	buf_str(out, ", commit ");
	html_add(out, version_commit);
	buf_str(out,
		ready ? "; all probes are started.</p>\n" : "; probes are being started.</p>\n");
	buf_str(out, "<table>\n");
	for (; routes->path; routes++) {
		if (!routes->about || !http_request_may(request, routes->access))
			continue;
		buf_printf(out, "<tr><td><a href=\"%s\">%s</a></td><td>", routes->path,
			   routes->path);
		html_add(out, routes->about);
		buf_str(out, "</td></tr>\n");
	}
	buf_str(out,
		"</table>\n<p>On the machine itself: <code>seismo diagnose</code>, <code>seismo top</code>, "
		"<code>man seismo</code>.</p>\n</body>\n</html>\n");
}
