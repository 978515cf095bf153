// SPDX-License-Identifier: BSD-3-Clause

import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * HTTP inside Java's TLS. `Https server STORE` prints its port, and answers after as many milliseconds as the query's "ms" says, with the
 * key and the certificate in the file STORE. `Https socket STORE N URL... refuse URL` asks for each N times by java.net.URL, which uses
 * sockets, `Https engine ...` by java.net.http, which does not, `Https fresh ...` by a new client each time, which would like HTTP/2, and
 * prints what it was answered, "200 NUMBER", "p50 SECONDS" and "longest SECONDS". It trusts whomever it talks to, except, N times, after
 * `refuse`, and shows the certificate in STORE to whoever asks for it.
 */
class Https {
	static final Map<SSLContext, HttpClient> clients = new HashMap<>();

	static class Trusting extends X509ExtendedTrustManager {
		public void checkClientTrusted(X509Certificate[] chain, String type) {}
		public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}
		public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}
		public void checkServerTrusted(X509Certificate[] chain, String type) {}
		public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {}
		public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}
		public X509Certificate[] getAcceptedIssuers() {
			return new X509Certificate[0];
		}
	}

	static KeyManager[] keys(String store) throws Exception {
		KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
		KeyStore keys = KeyStore.getInstance("PKCS12");

		try (InputStream file = new FileInputStream(store)) {
			keys.load(file, "secret".toCharArray());
		}
		factory.init(keys, "secret".toCharArray());
		return factory.getKeyManagers();
	}

	static void serve(SSLContext context) throws Exception {
		HttpsServer server = HttpsServer.create(new InetSocketAddress("127.0.0.1", 0), 0);

		server.setHttpsConfigurator(new HttpsConfigurator(context));
		server.createContext("/", exchange -> {
			try {
				Thread.sleep(Integer.parseInt(exchange.getRequestURI().getQuery().replaceAll("ms=([0-9]+).*", "$1")));
			} catch (InterruptedException e) {
				throw new IOException(e);
			}
			exchange.sendResponseHeaders(200, 100);
			exchange.getResponseBody().write(new byte[100]);
			exchange.close();
		});
		server.setExecutor(Executors.newCachedThreadPool());
		server.start();
		System.out.println(server.getAddress().getPort());
	}

	static void ask(HttpClient client, String url) throws Exception {
		client.send(HttpRequest.newBuilder(URI.create(url)).build(), HttpResponse.BodyHandlers.ofByteArray());
	}

	static void ask(String way, SSLContext context, String url) throws Exception {
		if (way.equals("engine")) {
			ask(clients.computeIfAbsent(context, c -> HttpClient.newBuilder().sslContext(c).version(HttpClient.Version.HTTP_1_1).build()), url);
		} else if (way.equals("fresh")) {
			ask(HttpClient.newBuilder().sslContext(context).build(), url);
		} else {
			HttpsURLConnection connection = (HttpsURLConnection) new URL(url).openConnection();
			connection.setSSLSocketFactory(context.getSocketFactory());
			connection.getInputStream().readAllBytes();
		}
	}

	static void ask(String way, int n, SSLContext trusting, List<String> urls) throws Exception {
		List<Double> times = new ArrayList<>();

		for (String url : urls)
			for (int i = 0; i < n; i++) {
				long began = System.nanoTime();
				ask(way, trusting, url);
				times.add((System.nanoTime() - began) / 1e9);
			}
		Collections.sort(times);
		System.out.printf("200 %d%np50 %.6f%nlongest %.6f%n", times.size(), times.get(times.size() / 2), times.get(times.size() - 1));
	}

	static void refuse(String way, int n, String url) throws Exception {
		SSLContext context = SSLContext.getInstance("TLS");

		context.init(null, null, null);
		for (int i = 0; i < n; i++) {
			try {
				ask(way, context, url);
			} catch (SSLHandshakeException e) {
				continue;
			}
			throw new IllegalStateException("trusted " + url);
		}
	}

	public static void main(String[] arguments) throws Exception {
		SSLContext context = SSLContext.getInstance("TLS");
		List<String> urls = Arrays.asList(arguments);
		int n, refused = urls.indexOf("refuse");

		context.init(keys(arguments[1]), new TrustManager[] { new Trusting() }, null);
		if (arguments[0].equals("server")) {
			serve(context);
			return;
		}
		n = Integer.parseInt(arguments[2]);
		ask(arguments[0], n, context, urls.subList(3, refused));
		refuse(arguments[0], n, arguments[refused + 1]);
	}
}
