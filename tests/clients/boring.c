// SPDX-License-Identifier: BSD-3-Clause
/*
 * HTTP inside BoringSSL, one connection after the other. `boring server CERTIFICATE KEY` prints its port, and answers after as many
 * milliseconds as the path says, "/20". `boring client PORT N PATH [CERTIFICATE KEY]` asks N times on a connection, and prints what it
 * was answered, "200 NUMBER", and the times, "p50 SECONDS" and "longest SECONDS".
 */
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static SSL_CTX *context(const char *cert, const char *key)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());

	if (!ctx || (cert && (!SSL_CTX_use_certificate_chain_file(ctx, cert) ||
			      !SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM))))
		errx(1, "no certificate %s", cert);
	return ctx;
}

/* Reads to the end of a header and what follows it at once; how many bytes. */
static int header_read(SSL *ssl, char *text, int size)
{
	int len = 0, n;

	do {
		n = SSL_read(ssl, text + len, size - 1 - len);
		if (n <= 0)
			return 0;
		len += n;
		text[len] = '\0';
	} while (!strstr(text, "\r\n\r\n"));
	return len;
}

static SSL *connection(SSL_CTX *ctx, int fd, int (*handshake)(SSL *))
{
	SSL *ssl = SSL_new(ctx);

	if (!ssl || !SSL_set_fd(ssl, fd) || handshake(ssl) != 1)
		warnx("no handshake");
	return ssl;
}

static void serve(SSL_CTX *ctx)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd;
	char text[4096];

	if (bind(listener, (void *)&address, sizeof(address)) || listen(listener, 16) ||
	    getsockname(listener, (void *)&address, &len))
		err(1, "listen");
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		SSL *ssl = connection(ctx, fd, SSL_accept);

		while (SSL_is_init_finished(ssl) && header_read(ssl, text, sizeof(text))) {
			usleep(1000 * (useconds_t)atoi(strchr(text, '/') + 1));
			SSL_write(ssl, answer, sizeof(answer) - 1);
		}
		SSL_shutdown(ssl);
		SSL_free(ssl);
		close(fd);
	}
}

static int compare(const void *a, const void *b)
{
	return (*(const double *)a > *(const double *)b) -
	       (*(const double *)a < *(const double *)b);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void ask(SSL_CTX *ctx, int port, int n, const char *path)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), cnt = 0;
	double *times = calloc((size_t)n, sizeof(*times));
	char text[4096];
	SSL *ssl;

	if (!times || connect(fd, (void *)&address, sizeof(address)))
		err(1, "connect");
	ssl = connection(ctx, fd, SSL_connect);
	for (; cnt < n; cnt++) {
		double began = now();
		int len = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n",
				   path);

		if (SSL_write(ssl, text, len) != len || !header_read(ssl, text, sizeof(text)))
			errx(1, "no answer");
		times[cnt] = now() - began;
	}
	SSL_shutdown(ssl);
	qsort(times, (size_t)n, sizeof(*times), compare);
	printf("200 %d\np50 %.6f\nlongest %.6f\n", cnt, times[n / 2], times[n - 1]);
}

int main(int argc, char **argv)
{
	SSL_CTX *ctx;

	if (argc == 4) {
		serve(context(argv[2], argv[3]));
		return 0;
	}
	ctx = context(argc > 5 ? argv[5] : NULL, argc > 5 ? argv[6] : NULL);
	ask(ctx, atoi(argv[2]), atoi(argv[3]), argv[4]);
	return 0;
}
