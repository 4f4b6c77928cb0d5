// hauspost-acme-fetch: one HTTPS request to a certificate authority that speaks ACME (RFC 8555).
//
// Fields of a question: "url"; "method", HEAD, GET or POST; "body" of a POST; "timeout_s";
// "ca_file", the only authorities that count, else the system's. Of an answer: "status", "body",
// "nonce", "location", "type" (media type), "retry_after_s"; or "kind" is "tls" where the server
// could not prove who it is.
#include <curl/curl.h>
#include <strings.h>

#include <string>

#include "server/auth_helpers/serve.h"

namespace {

using namespace hauspost::helpers;

constexpr std::size_t kBodyMax = 256 * 1024;
constexpr std::size_t kHeaderValueMax = 2048;
constexpr std::size_t kHeadersMax = 64 * 1024;
constexpr char kAgent[] = "Hauspost (ACME client; libcurl)";

struct Taken {
  std::string body;
  std::size_t header_bytes = 0;
  Fields headers;
};

std::size_t take_body(char* bytes, std::size_t size, std::size_t count, void* into) {
  auto* taken = static_cast<Taken*>(into);
  if (taken->body.size() + size * count > kBodyMax) return 0;  // ends the transfer
  taken->body.append(bytes, size * count);
  return size * count;
}

std::size_t take_header(char* bytes, std::size_t size, std::size_t count, void* into) {
  auto* taken = static_cast<Taken*>(into);
  const std::string_view line(bytes, size * count);
  taken->header_bytes += line.size();
  if (taken->header_bytes > kHeadersMax) return 0;
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || line.size() > kHeaderValueMax) return line.size();
  const std::string name(line.substr(0, colon));
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && static_cast<unsigned char>(value.back()) <= ' ') value.remove_suffix(1);
  constexpr std::pair<const char*, const char*> kWanted[] = {
      {"Replay-Nonce", "nonce"}, {"Location", "location"}, {"Content-Type", "type"}};
  for (const auto& [header, field_name] : kWanted) {
    if (::strcasecmp(name.c_str(), header) == 0) taken->headers[field_name] = std::string(value);
  }
  return line.size();
}

// One for all questions: it keeps its connection.
CURL* transfer() {
  static CURL* const handle = curl_easy_init();
  if (handle != nullptr) curl_easy_reset(handle);
  return handle;
}

bool prepare(CURL* handle, const Fields& question, Taken* taken, curl_slist* headers,
             char* problem) {
  const std::string url(field(question, "url"));
  const std::string ca_file(field(question, "ca_file"));
  const std::string_view method = field(question, "method");
  const auto set = [&](CURLoption option, auto value) {
    return curl_easy_setopt(handle, option, value) == CURLE_OK;
  };
  bool good = set(CURLOPT_URL, url.c_str()) && set(CURLOPT_PROTOCOLS_STR, "https") &&
              set(CURLOPT_FOLLOWLOCATION, 0L) && set(CURLOPT_NOSIGNAL, 1L) &&
              set(CURLOPT_TIMEOUT, number(question, "timeout_s")) && set(CURLOPT_PROXY, "") &&
              set(CURLOPT_USERAGENT, kAgent) && set(CURLOPT_ERRORBUFFER, problem) &&
              set(CURLOPT_WRITEFUNCTION, take_body) &&
              set(CURLOPT_WRITEDATA, static_cast<void*>(taken)) &&
              set(CURLOPT_HEADERFUNCTION, take_header) &&
              set(CURLOPT_HEADERDATA, static_cast<void*>(taken)) &&
              (ca_file.empty() || (set(CURLOPT_CAINFO, ca_file.c_str()) &&
                                   set(CURLOPT_CAPATH, static_cast<const char*>(nullptr))));
  if (method == "HEAD") return good && set(CURLOPT_NOBODY, 1L);
  if (method != "POST") return good;
  const std::string_view body = field(question, "body");
  return good && set(CURLOPT_HTTPHEADER, headers) &&
         set(CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size())) &&
         set(CURLOPT_COPYPOSTFIELDS, body.data());
}

Fields handle(const Fields& question) {
  static curl_slist* const headers =
      curl_slist_append(nullptr, "Content-Type: application/jose+json");
  CURL* const handle = transfer();
  Taken taken;
  char problem[CURL_ERROR_SIZE] = "";
  if (handle == nullptr || !prepare(handle, question, &taken, headers, problem))
    return answer(kUnavailable, "the web client does not start");
  const CURLcode code = curl_easy_perform(handle);
  if (code != CURLE_OK) {
    Fields out = answer(kUnavailable, problem[0] != '\0' ? problem : curl_easy_strerror(code));
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR ||
        code == CURLE_SSL_CACERT_BADFILE) {
      out["kind"] = "tls";
    }
    return out;
  }
  long status = 0;
  curl_off_t retry_after_s = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(handle, CURLINFO_RETRY_AFTER, &retry_after_s);
  Fields out = answer(kGood, "");
  out["status"] = std::to_string(status);
  out["retry_after_s"] = std::to_string(retry_after_s);
  out["body"] = std::move(taken.body);
  for (auto& [name, value] : taken.headers) out[name] = std::move(value);
  return out;
}

}  // namespace

int main() {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  return serve("hauspost-acme-fetch", handle);
}
