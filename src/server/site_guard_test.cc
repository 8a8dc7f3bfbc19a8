// The table of docs/security.md, row by row, with the headers that browsers really send.
#include "server/site_guard.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace llama_swap::server {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

// What Chrome, Firefox and Safari send on any request; over plain http to another machine that is
// all they tell but Origin and Referer.
const Fields kChrome{{"User-Agent",
                      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
                      "Chrome/131.0.0.0 Safari/537.36"},
                     {"Accept-Encoding", "gzip, deflate"},
                     {"Accept-Language", "en-US,en;q=0.9"}};
const Fields kFirefox{
    {"User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"},
    {"Accept-Language", "de,en-US;q=0.7,en;q=0.3"},
    {"Accept-Encoding", "gzip, deflate"}};
const Fields kSafari15{{"User-Agent",
                        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
                        "(KHTML, like Gecko) Version/15.6 Safari/605.1.15"},
                       {"Accept-Language", "en-GB,en;q=0.9"},
                       {"Accept-Encoding", "gzip, deflate"}};
const Fields kCurl{{"User-Agent", "curl/7.88.1"}, {"Accept", "*/*"}};
const Fields kNode{{"User-Agent", "node"},
                   {"Accept", "*/*"},
                   {"Accept-Language", "*"},
                   {"Sec-Fetch-Mode", "cors"}};
const Fields kPowerShell{
    {"User-Agent", "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1"}};

constexpr const char* kPage =
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
constexpr const char* kImage = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";

Fields operator+(Fields a, const Fields& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
Fields metadata(const char* site, const char* mode, const char* dest) {
  return {{"Sec-Fetch-Site", site}, {"Sec-Fetch-Mode", mode}, {"Sec-Fetch-Dest", dest}};
}
Fields one(const char* name, const char* value) {
  return {{name, value}};
}

struct Asking {
  const char* what;
  const char* method;
  Purpose purpose;
  const char* host;
  Fields headers;
  bool allowed;
};

SiteRules rules() {
  return {{"https://trusted.example"}, {"swap.example.org", "*.models.example", "gpu.example.com"}};
}

std::string refusal(const Asking& asking, const SiteRules& with,
                    ProxyFields proxy_fields = ProxyFields::count) {
  net::RequestHead head;
  head.method = asking.method;
  head.target = "/x";
  if (*asking.host) head.headers.push_back({"Host", asking.host});
  for (const auto& [name, value] : asking.headers) head.headers.push_back({name, value});
  return site_refusal(head, asking.purpose, with, proxy_fields);
}

void check(const std::vector<Asking>& table) {
  for (const Asking& asking : table) {
    const std::string got = refusal(asking, rules());
    EXPECT_EQ(got.empty(), asking.allowed) << asking.what << ": " << got;
  }
}

constexpr Purpose kAll[] = {Purpose::model, Purpose::manage, Purpose::act, Purpose::content,
                            Purpose::load};
constexpr const char* kLan = "192.168.1.5:8080";

TEST(SiteGuard, WhatIsNoBrowserIsNotConcerned) {
  for (const Purpose purpose : kAll) {
    for (const char* method : {"GET", "POST"}) {
      for (const char* host : {kLan, "gpu.corp.example.com:8080", "evil.example"}) {
        check({
            {"curl", method, purpose, host, kCurl, true},
            {"fetch of Node", method, purpose, host, kNode, true},
            {"PowerShell", method, purpose, host, kPowerShell, true},
            {"no headers at all", method, purpose, "", {}, true},
        });
      }
    }
  }
}

TEST(SiteGuard, TheConsoleWorksByEveryNameOfALan) {
  for (const Fields& browser : {kChrome, kFirefox, kSafari15}) {
    for (const char* host :
         {kLan, "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "[fe80::1]", "gpu:8080",
          "gpu.local:8080", "nas.local", "gpu.fritz.box:8080", "gpu.example.com:8080", "box.lan",
          "box.home.arpa", "box.tail1234.ts.net", "host.docker.internal:8080", "llama-swap:8080",
          "swap.example.org", "a.models.example:8080", "GPU.Local."}) {
      const std::string here = std::string("http://") + host;
      const std::string page = here + "/ui/";
      for (const Purpose purpose : kAll) {
        check({
            {"address typed", "GET", purpose, host, browser + one("Accept", kPage), true},
            {"fetch of our page", "GET", purpose, host,
             browser + one("Accept", "*/*") + one("Referer", page.c_str()), true},
            {"button of our page", "POST", purpose, host,
             browser + one("Accept", "*/*") + one("Origin", here.c_str()), true},
        });
      }
      check({{"event stream of our page, without Referer", "GET", Purpose::manage, host,
              browser + one("Accept", "text/event-stream"), true}});
    }
  }
}

TEST(SiteGuard, TheConsoleWorksWhereBrowsersTellMore) {
  const Fields origin = one("Origin", "http://localhost:8080");
  for (const Fields& browser : {kChrome, kFirefox}) {
    for (const Purpose purpose : kAll) {
      check({
          {"typed", "GET", purpose, "localhost:8080",
           browser + metadata("none", "navigate", "document"), true},
          {"our page", "GET", purpose, "localhost:8080",
           browser + metadata("same-origin", "cors", "empty"), true},
          {"our button", "POST", purpose, "localhost:8080",
           browser + origin + metadata("same-origin", "cors", "empty"), true},
          {"our picture", "GET", purpose, "localhost:8080",
           browser + metadata("same-origin", "no-cors", "image"), true},
      });
    }
  }
}

TEST(SiteGuard, ReverseProxies) {
  const Fields origin = one("Origin", "https://llama.example.com");
  const Fields here = origin + metadata("same-origin", "cors", "empty");
  const Fields proxied = one("X-Forwarded-For", "192.0.2.1") + one("X-Forwarded-Proto", "https");
  for (const Purpose purpose : {Purpose::manage, Purpose::act, Purpose::load}) {
    check({
        {"passes Host on", "POST", purpose, "llama.example.com", kChrome + here + proxied, true},
        {"passes Host on, GET", "GET", purpose, "llama.example.com",
         kChrome + metadata("same-origin", "cors", "empty") + proxied, true},
        {"another Host", "POST", purpose, "127.0.0.1:8080", kChrome + here, true},
        {"another Host, old browser", "POST", purpose, "127.0.0.1:8080",
         kSafari15 + origin + one("X-Forwarded-Host", "llama.example.com"), true},
        {"another Host and port, old browser", "POST", purpose, "127.0.0.1:8080",
         kSafari15 + one("Origin", "http://box.lan:9000") +
             one("X-Forwarded-Host", "box.lan:9000, inner"),
         true},
        {"leaves the port out", "POST", purpose, "box.lan",
         kSafari15 + one("Origin", "https://box.lan:8443"), true},
        {"ends TLS", "POST", purpose, "box.lan:443", kSafari15 + one("Origin", "https://box.lan"),
         true},
        {"another Host, http, nothing else", "POST", purpose, "127.0.0.1:8080",
         kChrome + one("Origin", "http://box.lan"), true},
        {"another Host, http, some field", "POST", purpose, "llama-swap:8080",
         kChrome + one("Origin", "http://192.168.1.5") + one("X-Real-IP", "192.168.1.9"), true},
        {"another Host, http, no field: a page of the LAN looks the same", "POST", purpose,
         "llama-swap:8080", kChrome + one("Origin", "http://192.168.1.5"), false},
        {"another Host, old browser, nothing else: a foreign page looks the same", "POST", purpose,
         "127.0.0.1:8080", kSafari15 + origin, false},
        {"a foreign page with an address, old browser", "POST", purpose, "127.0.0.1:8080",
         kSafari15 + one("Origin", "http://203.0.113.6"), false},
        {"a foreign page with an address, old browser", "POST", purpose, "127.0.0.1:8080",
         kSafari15 + one("Origin", "http://[2001:db8::6]:80"), false},
        {"a foreign page of another tailnet", "POST", purpose, "127.0.0.1:8080",
         kSafari15 + one("Origin", "https://evil.tail1.ts.net"), false},
        {"a foreign page, through a proxy", "POST", purpose, "llama-swap:8080",
         kChrome + one("Origin", "http://evil.example") + one("X-Real-IP", "192.168.1.9"), false},
    });
  }
}

TEST(SiteGuard, ForeignPagesDoNotManage) {
  const Fields evil = one("Origin", "http://evil.example");
  const Fields cross = metadata("cross-site", "cors", "empty");
  check({
      {"fetch", "POST", Purpose::manage, kLan, kChrome + evil, false},
      {"fetch, told more", "POST", Purpose::manage, "localhost:8080", kChrome + evil + cross,
       false},
      {"form", "POST", Purpose::manage, kLan, kFirefox + evil + one("Accept", kPage), false},
      {"form, told more", "POST", Purpose::manage, "localhost:8080",
       kChrome + evil + metadata("cross-site", "navigate", "document"), false},
      {"without a referrer: Origin null", "POST", Purpose::manage, kLan,
       kChrome + one("Origin", "null"), false},
      {"old browser: Referer only", "POST", Purpose::manage, kLan,
       kSafari15 + one("Referer", "http://evil.example/"), false},
      {"fetch to read", "GET", Purpose::manage, kLan, kChrome + evil, false},
      {"a program with an Origin reads", "GET", Purpose::manage, kLan, kCurl + evil, true},
      {"and does nothing else", "POST", Purpose::manage, kLan, kCurl + evil, false},
      {"event stream", "GET", Purpose::manage, kLan,
       kChrome + evil + one("Accept", "text/event-stream"), false},
      {"script", "GET", Purpose::manage, "localhost:8080",
       kChrome + metadata("cross-site", "no-cors", "script"), false},
      {"script, told by Referer", "GET", Purpose::manage, kLan,
       kChrome + one("Accept", "*/*") + one("Referer", "http://evil.example/"), false},
      {"another port of this machine", "POST", Purpose::manage, "localhost:8080",
       kChrome + one("Origin", "http://localhost:3000") + metadata("same-site", "cors", "empty"),
       false},
      {"another port, told less", "POST", Purpose::manage, kLan,
       kChrome + one("Origin", "http://192.168.1.5:3000"), false},
      {"file:// or a sandbox", "GET", Purpose::manage, "localhost:8080",
       kChrome + one("Origin", "null") + cross, false},
      {"pretended proxy needs a preflight, which fails", "POST", Purpose::manage, kLan,
       kChrome + evil + one("X-Forwarded-Host", "other.example"), false},
  });
}

TEST(SiteGuard, WhatIsAllowedFromElsewhere) {
  const Fields trusted = one("Origin", "https://trusted.example");
  check({
      {"allowed origin", "POST", Purpose::manage, kLan, kChrome + trusted, true},
      {"allowed origin, told more", "POST", Purpose::manage, "localhost:8080",
       kChrome + trusted + metadata("cross-site", "cors", "empty"), true},
      {"allowed origin, by Referer", "GET", Purpose::act, kLan,
       kChrome + one("Accept", kImage) + one("Referer", "https://trusted.example/a"), true},
      {"extension", "POST", Purpose::manage, "localhost:8080",
       kChrome + one("Origin", "chrome-extension://abcdef") +
           metadata("cross-site", "cors", "empty"),
       true},
      {"extension", "POST", Purpose::manage, kLan,
       kFirefox + one("Origin", "moz-extension://1-2-3"), true},
      {"editor", "GET", Purpose::manage, kLan, kChrome + one("Origin", "vscode-webview://1f"),
       true},
      {"link to the console", "GET", Purpose::manage, "localhost:8080",
       kChrome + metadata("cross-site", "navigate", "document") + one("Accept", kPage), true},
      {"link to the console, told less", "GET", Purpose::manage, kLan,
       kFirefox + one("Accept", kPage) + one("Referer", "http://wiki.example/"), true},
      {"console in a frame of a dashboard", "GET", Purpose::manage, "localhost:8080",
       kChrome + metadata("cross-site", "navigate", "iframe") + one("Accept", kPage), true},
  });
}

TEST(SiteGuard, ModelsAreOpenToWebApplications) {
  const Fields app = one("Origin", "https://chat.example.com");
  check({
      {"fetch", "POST", Purpose::model, kLan, kChrome + app, true},
      {"fetch, told more", "POST", Purpose::model, "localhost:8080",
       kChrome + app + metadata("cross-site", "cors", "empty"), true},
      {"fetch by any name", "POST", Purpose::model, "gpu7.example.com:8080", kChrome + app, true},
      {"list of models", "GET", Purpose::model, kLan, kChrome + app, true},
      {"file:// or a sandbox", "POST", Purpose::model, kLan, kChrome + one("Origin", "null"), true},
      {"picture that would load a model", "GET", Purpose::model, kLan,
       kChrome + one("Accept", kImage) + one("Referer", "http://evil.example/"), false},
      {"the same, told more", "GET", Purpose::model, "localhost:8080",
       kChrome + metadata("cross-site", "no-cors", "image"), false},
  });
}

TEST(SiteGuard, GetsThatChangeSomething) {
  check({
      {"picture", "GET", Purpose::act, "localhost:8080",
       kChrome + one("Accept", kImage) + metadata("cross-site", "no-cors", "image"), false},
      {"picture, told by Referer", "GET", Purpose::act, kLan,
       kChrome + one("Accept", kImage) + one("Referer", "http://evil.example/"), false},
      {"picture of a page that hides itself", "GET", Purpose::act, kLan,
       kFirefox + one("Accept", kImage), false},
      {"script of a page that hides itself", "GET", Purpose::act, kLan,
       kSafari15 + one("Accept", "*/*"), false},
      {"script that calls", "GET", Purpose::act, kLan,
       kChrome + one("Origin", "http://evil.example"), false},
      {"frame", "GET", Purpose::act, "localhost:8080",
       kChrome + metadata("cross-site", "navigate", "iframe"), false},
      {"page that goes there by itself", "GET", Purpose::act, "localhost:8080",
       kChrome + metadata("cross-site", "navigate", "document"), false},
      {"link that was clicked", "GET", Purpose::act, "localhost:8080",
       kChrome + metadata("cross-site", "navigate", "document") + one("Sec-Fetch-User", "?1"),
       true},
      {"link that was clicked, told less: a frame looks the same", "GET", Purpose::act, kLan,
       kChrome + one("Accept", kPage) + one("Referer", "http://wiki.example/"), false},
      {"typed, told less", "GET", Purpose::act, kLan, kChrome + one("Accept", kPage), true},
  });
}

TEST(SiteGuard, WhatModelServersShow) {
  const Fields evil = one("Origin", "http://evil.example");
  const Fields picture = kChrome + one("Accept", kImage) + one("Referer", "http://evil.example/");
  const Fields link = kFirefox + one("Accept", kPage) + one("Referer", "http://wiki.example/");
  const Fields frame =
      kChrome + one("Accept", kPage) + metadata("cross-site", "navigate", "iframe");
  const Fields socket = one("Connection", "Upgrade") + one("Upgrade", "websocket");
  check({
      {"picture", "GET", Purpose::content, kLan, picture, true},
      {"picture that would load", "GET", Purpose::load, kLan, picture, false},
      {"script that would load, told more", "GET", Purpose::load, "localhost:8080",
       kChrome + metadata("cross-site", "no-cors", "script"), false},
      {"picture that would load, hidden", "GET", Purpose::load, kLan,
       kFirefox + one("Accept", kImage), false},
      {"link", "GET", Purpose::content, kLan, link, true},
      {"link that loads: a frame looks the same", "GET", Purpose::load, kLan, link, false},
      {"link that loads, told more", "GET", Purpose::load, "localhost:8080",
       kChrome + one("Accept", kPage) + metadata("cross-site", "navigate", "document"), true},
      {"typed", "GET", Purpose::load, kLan, kChrome + one("Accept", kPage), true},
      {"frame of a dashboard", "GET", Purpose::content, "localhost:8080", frame, true},
      {"frame of a dashboard that loads", "GET", Purpose::load, "localhost:8080", frame, true},
      {"fetch", "GET", Purpose::content, kLan, kChrome + evil, false},
      {"fetch", "POST", Purpose::content, kLan, kChrome + evil, false},
      {"fetch that would load", "POST", Purpose::load, kLan, kChrome + evil, false},
      {"websocket", "GET", Purpose::content, kLan, kChrome + evil + socket, false},
      {"our websocket", "GET", Purpose::content, kLan,
       kChrome + one("Origin", "http://192.168.1.5:8080") + socket, true},
      {"websocket of a program", "GET", Purpose::content, kLan, kCurl + socket, true},
  });
}

TEST(SiteGuard, NamesOfTheLanDoNotOutweighTheBrowser) {
  const Fields same_site = kChrome + metadata("same-site", "no-cors", "image");
  const Fields cross_site = kChrome + metadata("cross-site", "no-cors", "image");
  check({
      {"another port of this machine", "GET", Purpose::act, "localhost:19702",
       same_site + one("Referer", "http://localhost:9999/"), false},
      {"a page of the company", "GET", Purpose::act, "localhost:19702",
       cross_site + one("Referer", "http://wiki.corp/"), false},
      {"a name without a dot", "GET", Purpose::manage, "127.0.0.1:19702",
       cross_site + one("Referer", "http://wiki/"), false},
      {"a machine of the LAN", "GET", Purpose::load, "localhost:19702",
       cross_site + one("Referer", "http://192.168.1.77/"), false},
      {"our own Host, which it cannot be", "GET", Purpose::act, "localhost:19702",
       cross_site + one("Referer", "http://localhost:19702/"), false},
      {"allowed origin, by Referer", "GET", Purpose::act, "localhost:19702",
       cross_site + one("Referer", "https://trusted.example/a"), true},
  });
}

TEST(SiteGuard, OnlyTrustedProxiesSayWhereWeAre) {
  const Asking asking{
      "",
      "POST",
      Purpose::manage,
      kLan,
      kChrome + one("Origin", "http://box.example") + one("X-Forwarded-Host", "box.example"),
      true};
  EXPECT_EQ(refusal(asking, rules()), "");
  EXPECT_NE(refusal(asking, rules(), ProxyFields::made_up), "");
  const Asking private_name{"",
                            "POST",
                            Purpose::manage,
                            "llama-swap:8080",
                            kChrome + one("Origin", "http://192.168.1.5") + one("Via", "1.1 x"),
                            true};
  EXPECT_EQ(refusal(private_name, rules()), "");
  EXPECT_NE(refusal(private_name, rules(), ProxyFields::made_up), "");
}

TEST(SiteGuard, Rebinding) {
  const Fields here = one("Origin", "http://evil.example:8080");
  for (const Purpose purpose : kAll) {
    check({
        {"reads", "GET", purpose, "evil.example:8080",
         kChrome + one("Accept", "*/*") + one("Referer", "http://evil.example:8080/"), false},
        {"reads, hidden", "GET", purpose, "evil.example:8080", kFirefox + one("Accept", "*/*"),
         false},
        {"acts", "POST", purpose, "evil.example:8080", kChrome + here, false},
        {"pretends a proxy", "POST", purpose, "evil.example:8080",
         kChrome + here + one("X-Forwarded-Host", "gpu") + one("X-Forwarded-Proto", "https"),
         false},
        {"with metadata, but no proxy", "GET", purpose, "evil.example:8080",
         kChrome + metadata("same-origin", "cors", "empty"), false},
        {"begins like this machine", "GET", purpose, "gpu.evil.example",
         kChrome + one("Accept", "*/*"), false},
        {"looks like an address", "GET", purpose, "192.168.1.5.evil.example",
         kChrome + one("Accept", "*/*"), false},
        {"opened there", "GET", purpose, "evil.example:8080", kChrome + one("Accept", kPage),
         false},
    });
  }
}

TEST(SiteGuard, EverythingCanBeOpened) {
  SiteRules open{{"*"}, {"*"}};
  for (const Purpose purpose : kAll) {
    EXPECT_EQ(refusal({"", "POST", purpose, "evil.example",
                       kChrome + one("Origin", "http://evil.example"), true},
                      open),
              "");
    EXPECT_EQ(
        refusal({"", "GET", purpose, kLan,
                 kChrome + one("Accept", kImage) + one("Referer", "http://evil.example/x"), true},
                open),
        "");
  }
  open.origins = {"null"};
  EXPECT_NE(refusal({"any Host is no origin", "POST", Purpose::manage, "127.0.0.1:8080",
                     kChrome + one("Origin", "http://evil.example"), true},
                    open),
            "");
  EXPECT_EQ(
      refusal({"", "POST", Purpose::manage, kLan, kChrome + one("Origin", "null"), true}, open),
      "");
}

TEST(SiteGuard, ARefusalTellsTheSetting) {
  EXPECT_NE(refusal({"", "POST", Purpose::manage, kLan,
                     kChrome + one("Origin", "http://evil.example"), false},
                    rules())
                .find("\"http://evil.example\", add it to allowedOrigins"),
            std::string::npos);
  EXPECT_NE(
      refusal({"", "GET", Purpose::act, kLan,
               kChrome + one("Accept", kPage) + one("Referer", "http://wiki.example/"), false},
              rules())
          .find("use the console (/ui/)"),
      std::string::npos);
  EXPECT_NE(refusal({"", "GET", Purpose::manage, "evil.example", kChrome, false}, rules())
                .find("\"evil.example\": if that is one of its names, add it to allowedHosts"),
            std::string::npos);
}

TEST(SiteGuard, ForeignOriginsOfPreflights) {
  const std::map<std::string, bool> cases{
      {"http://evil.example", true},      {"null", true},
      {"http://192.168.1.5:3000", true},  {"http://192.168.1.5:8080", false},
      {"https://trusted.example", false}, {"vscode-webview://x", false}};
  for (const auto& [origin, want] : cases) {
    net::RequestHead head;
    head.method = "OPTIONS";
    head.headers = {{"Host", kLan}, {"Origin", origin}};
    EXPECT_EQ(is_foreign_origin(head, rules()), want) << origin;
  }
  EXPECT_FALSE(is_foreign_origin(net::RequestHead(), rules()));
}

}  // namespace
}  // namespace llama_swap::server
