// The few things that the configuration wants to know of an address.
#include "threads/url.h"

#include <doctest/doctest.h>

#include <string>

TEST_CASE("scheme and host of an address") {
  struct Row {
    const char* text;
    const char* scheme;
    const char* host;
  };
  for (const Row& row :
       {Row{"https://graph.threads.net", "https", "graph.threads.net"},
        Row{"http://localhost:8080/auth/callback?x=http://y#z", "http", "localhost"},
        Row{"https://x?a=b@c:d", "https", "x"}, Row{"https://x#@y", "https", "x"},
        Row{"https://x:1", "https", "x"}, Row{"https://x:65535/", "https", "x"},
        Row{"http://[::1]", "http", "[::1]"}, Row{"http://[::1]:8080/", "http", "[::1]"}}) {
    CAPTURE(row.text);
    const auto url = read_url(row.text);
    REQUIRE(url);
    CHECK(url->scheme == row.scheme);
    CHECK(url->host == row.host);
  }
}

TEST_CASE("what is no address of a web server") {
  for (const std::string bad : {"",
                                "x",
                                "//x",
                                "ftp://x",
                                "HTTPS://x",
                                "https:x",
                                "https:/x",
                                "https://",
                                "https:///x",
                                "https://:80",
                                "https://?x",
                                "https://user@x",
                                "https://user:pw@x/",
                                "https://[::1",
                                "https://[zz]",
                                "https://[]",
                                "https://a\\b",
                                "https://x%20y",
                                "https://x;y",
                                "https://[::1]x",
                                "https://[::1]x:80",
                                "https://x:",
                                "https://x:/",
                                "https://x:0",
                                "https://x:65536",
                                "https://x:99999",
                                "https://x:99999999999999999999",
                                "https://x:-1",
                                "https://x:8x",
                                "https://x:1:2",
                                "https://x y",
                                "https://x/a b",
                                "https://x\r\ny",
                                "https://x\x7F"}) {
    CAPTURE(bad);
    CHECK_FALSE(read_url(bad));
  }
}

TEST_CASE("loopback hosts") {
  for (const char* host : {"localhost", "[::1]", "127.0.0.1", "127.9.9.9"}) {
    CAPTURE(host);
    CHECK(is_loopback(host));
  }
  for (const char* host :
       {"", "x", "127", "127.", "127.1", "127.0.0.1.1", "127.999.1.1", "127.0.0.1.",
        "127.evil.example", "localhost.evil.example", "[::2]", "10.0.0.1", "::1"}) {
    CAPTURE(host);
    CHECK_FALSE(is_loopback(host));
  }
}
