"""Handshakes of QUIC by nginx, OpenSSL and aioquic."""

from stage import Skip

PORT = 4433

NGINX = """
daemon off; master_process off; pid /run/nginx.pid; error_log stderr info; user root;
events {{ }}
http {{
  access_log off; client_body_temp_path /run/b; proxy_temp_path /run/p; fastcgi_temp_path /run/f;
  uwsgi_temp_path /run/u; scgi_temp_path /run/s;
  server {{
    listen 127.0.0.1:{port} quic;
    ssl_certificate /matrix/rsa.pem; ssl_certificate_key /matrix/rsa.key; ssl_protocols TLSv1.3;
    {more}
    location / {{ return 200 "hello"; }}
  }}
}}
"""


def nginx(stage, row):
    """nginx and `openssl s_client -quic`. `server`: directives of nginx; `client`: arguments of the client."""
    program = stage.newer(["/usr/sbin/nginx"])
    (stage.folder / "nginx.conf").write_text(NGINX.format(port=PORT, more=row.get("server", "")))
    stage.start([*program, "-e", "stderr", "-c", "/matrix/nginx.conf"], udp=PORT)
    client = [*stage.newer(["openssl"]), "s_client", "-quic", "-alpn", "h3", "-connect", f"127.0.0.1:{PORT}", "-servername",
              "mail.example"]
    for arguments in [row.get("client", ""), *row.get("again", [])]:
        stage.run([*client, *arguments.split()], until="Verify return code|error", linger=row.get("linger", 0.2))


def aioquic(stage, row):
    """aioquic with itself, in one process. `what`: see aioquic_talk.py."""
    program = stage.python(str(stage.here / "aioquic_talk.py"), row["what"], str(PORT))
    said = stage.run(**program, say=b"", linger=10)
    if "done" not in said:
        raise Skip(f"aioquic did not come to its end: {said.strip().splitlines()[-1:]}")
