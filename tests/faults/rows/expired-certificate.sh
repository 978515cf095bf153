# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# SPDX-License-Identifier: BSD-3-Clause
# The prices are asked through a gateway with TLS, whose certificate expires.
row=25
expect=("* *handshakes* gateway|shop *")
gateway_port=8007
shop_settings=(tls=$gateway_port)

certificate_make() { # COMMAND...
	"$@" openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost -keyout "$TMP/key.pem" -out "$TMP/certificate.pem" 2>/dev/null
}

prepare() {
	need openssl faketime
	certificate_make env
	cat >"$TMP/gateway.conf" <<-END
		user root;
		daemon off;
		worker_processes 1;
		pid gateway.pid;
		error_log gateway.log;
		events { worker_connections 500; }
		http {
			access_log off;
			client_body_temp_path work; proxy_temp_path work; fastcgi_temp_path work;
			uwsgi_temp_path work; scgi_temp_path work;
			upstream price { server 127.0.0.1:$price_port max_fails=0; keepalive 100; }
			server {
				listen 127.0.0.1:$gateway_port ssl;
				ssl_certificate certificate.pem;
				ssl_certificate_key key.pem;
				location / {
					proxy_pass http://price;
					proxy_http_version 1.1;
					proxy_set_header Connection "";
				}
			}
		}
	END
	service_start gateway nginx -p "$TMP" -c gateway.conf
	wait_until port_open $gateway_port || bail "no gateway: $(tail -n 3 "$TMP/gateway.log")"
}

inject() {
	certificate_make faketime "$((magnitude + 1)) days ago"
	kill -HUP "${service_pid[gateway]}"
}

heal() {
	certificate_make env
	kill -HUP "${service_pid[gateway]}"
}
