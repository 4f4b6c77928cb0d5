// hauspost-auth-fetch: reads an issuer's keys from its web server.
#include <curl/curl.h>

#include <memory>

#include "server/auth_helpers/serve.h"

namespace {

using namespace hauspost::helpers;

constexpr std::size_t kBodyMax = 256 * 1024;

struct Cleanup {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};

std::size_t take(char* bytes, std::size_t size, std::size_t count, void* into) {
  auto* body = static_cast<std::string*>(into);
  if (body->size() + size * count > kBodyMax) return 0;  // ends the transfer
  body->append(bytes, size * count);
  return size * count;
}

bool prepare(CURL* handle, const Fields& question, std::string* body, char* problem) {
  const std::string url(field(question, "url"));
  const std::string ca_file(field(question, "ca_file"));
  // Whether plain http is acceptable for this host was decided when the settings were read.
  const char* protocols = url.starts_with("http://") ? "http" : "https";
  const auto set = [&](CURLoption option, auto value) {
    return curl_easy_setopt(handle, option, value) == CURLE_OK;
  };
  return set(CURLOPT_URL, url.c_str()) && set(CURLOPT_PROTOCOLS_STR, protocols) &&
         set(CURLOPT_FOLLOWLOCATION, 0L) && set(CURLOPT_FAILONERROR, 1L) &&
         set(CURLOPT_TIMEOUT, number(question, "timeout_s")) && set(CURLOPT_NOSIGNAL, 1L) &&
         set(CURLOPT_PROXY, "") && set(CURLOPT_ERRORBUFFER, problem) &&
         set(CURLOPT_WRITEFUNCTION, take) && set(CURLOPT_WRITEDATA, static_cast<void*>(body)) &&
         (ca_file.empty() || set(CURLOPT_CAINFO, ca_file.c_str()));
}

Fields handle(const Fields& question) {
  const std::unique_ptr<CURL, Cleanup> transfer(curl_easy_init());
  std::string body;
  char problem[CURL_ERROR_SIZE] = "";
  if (!transfer || !prepare(transfer.get(), question, &body, problem))
    return answer(kUnavailable, "the web client does not start");
  const CURLcode code = curl_easy_perform(transfer.get());
  if (code != CURLE_OK)
    return answer(kUnavailable, problem[0] != '\0' ? problem : curl_easy_strerror(code));
  Fields out = answer(kGood, "");
  out["body"] = std::move(body);
  return out;
}

}  // namespace

int main() {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  return serve("hauspost-auth-fetch", handle);
}
