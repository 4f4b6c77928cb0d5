// hauspost-auth-fetch: reads an issuer's keys or an MTA-STS policy from a web server.
//
// Fields of a question: "url", "timeout_s"; "ca_file", the only authorities that count;
// "more_ca_file", further ones beside the system's; "address", the host's, where it is known;
// "proxy", through which to go; "bytes_max" of the body. Of an answer: "body", or "kind" is "tls"
// where the server could not prove who it is.
#include <curl/curl.h>

#include <algorithm>
#include <memory>

#include "server/auth_helpers/serve.h"

namespace {

using namespace hauspost::helpers;

constexpr std::size_t kBodyMax = 256 * 1024;
constexpr long kFound = 200;  // HTTP
constexpr char kSystemAuthorities[] = "/etc/ssl/certs";

struct Body {
  std::string text;
  std::size_t bytes_max = kBodyMax;
};

struct Cleanup {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};

std::size_t take(char* bytes, std::size_t size, std::size_t count, void* into) {
  auto* body = static_cast<Body*>(into);
  if (body->text.size() + size * count > body->bytes_max) return 0;  // ends the transfer
  body->text.append(bytes, size * count);
  return size * count;
}

// "HOST:PORT:ADDRESS" of an https URL: no other look-up of its name is made.
std::string known_address(const std::string& url, std::string_view address) {
  const auto begin = url.find("://") + 3;
  const std::string host = url.substr(begin, url.find_first_of(":/", begin) - begin);
  const bool v6 = address.find(':') != std::string_view::npos;
  return host + ":443:" + (v6 ? "[" : "") + std::string(address) + (v6 ? "]" : "");
}

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, FreeList>;

bool prepare(CURL* handle, const Fields& question, Body* body, const List& known, char* problem) {
  const std::string url(field(question, "url"));
  const std::string ca_file(field(question, "ca_file"));
  const std::string more_ca_file(field(question, "more_ca_file"));
  const std::string proxy(field(question, "proxy"));
  // Whether plain http is acceptable for this host was decided when the settings were read.
  const char* protocols = url.starts_with("http://") ? "http" : "https";
  const auto set = [&](CURLoption option, auto value) {
    return curl_easy_setopt(handle, option, value) == CURLE_OK;
  };
  return set(CURLOPT_URL, url.c_str()) && set(CURLOPT_PROTOCOLS_STR, protocols) &&
         set(CURLOPT_FOLLOWLOCATION, 0L) && set(CURLOPT_FAILONERROR, 1L) &&
         set(CURLOPT_TIMEOUT, number(question, "timeout_s")) && set(CURLOPT_NOSIGNAL, 1L) &&
         set(CURLOPT_PROXY, proxy.c_str()) && set(CURLOPT_ERRORBUFFER, problem) &&
         set(CURLOPT_WRITEFUNCTION, take) && set(CURLOPT_WRITEDATA, static_cast<void*>(body)) &&
         (ca_file.empty() || set(CURLOPT_CAINFO, ca_file.c_str())) &&
         (more_ca_file.empty() ||
          (set(CURLOPT_CAINFO, more_ca_file.c_str()) && set(CURLOPT_CAPATH, kSystemAuthorities))) &&
         (!known || set(CURLOPT_RESOLVE, known.get()));
}

Fields handle(const Fields& question) {
  const std::unique_ptr<CURL, Cleanup> transfer(curl_easy_init());
  Body body;
  if (const long bytes_max = number(question, "bytes_max"); bytes_max > 0)
    body.bytes_max = std::min(kBodyMax, static_cast<std::size_t>(bytes_max));
  const std::string_view address = field(question, "address");
  List known;
  if (!address.empty()) {
    const std::string entry = known_address(std::string(field(question, "url")), address);
    known.reset(curl_slist_append(nullptr, entry.c_str()));
  }
  char problem[CURL_ERROR_SIZE] = "";
  if (!transfer || !prepare(transfer.get(), question, &body, known, problem))
    return answer(kUnavailable, "the web client does not start");
  const CURLcode code = curl_easy_perform(transfer.get());
  if (code != CURLE_OK) {
    Fields out = answer(kUnavailable, problem[0] != '\0' ? problem : curl_easy_strerror(code));
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR)
      out["kind"] = "tls";
    return out;
  }
  long status = 0;
  curl_easy_getinfo(transfer.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status != kFound)  // redirects are not followed, and are no answer
    return answer(kUnavailable, "HTTP status " + std::to_string(status));
  Fields out = answer(kGood, "");
  out["body"] = std::move(body.text);
  return out;
}

}  // namespace

int main() {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  return serve("hauspost-auth-fetch", handle);
}
