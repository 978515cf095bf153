// SPDX-License-Identifier: BSD-3-Clause

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * HTTP as Java's own client speaks it: `Http HTTP_1_1|HTTP_2 N URL...` asks for each N times, and prints what it was answered, a line
 * "STATUS NUMBER" for each status, and "p50 SECONDS", the median of the times that it waited.
 */
class Http {
	public static void main(String[] arguments) throws Exception {
		HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.valueOf(arguments[0])).build();
		Map<Integer, Integer> statuses = new TreeMap<>();
		List<Double> times = new ArrayList<>();

		for (int i = 2; i < arguments.length; i++) {
			HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[i])).build();
			for (int j = 0; j < Integer.parseInt(arguments[1]); j++) {
				long began = System.nanoTime();
				HttpResponse<byte[]> response = client.send(request, HttpResponse.BodyHandlers.ofByteArray());
				times.add((System.nanoTime() - began) / 1e9);
				statuses.merge(response.statusCode(), 1, Integer::sum);
			}
		}
		statuses.forEach((status, cnt) -> System.out.println(status + " " + cnt));
		Collections.sort(times);
		System.out.printf("p50 %.6f%n", times.get(times.size() / 2));
	}
}
