// HTTP requests: whatever comes, however it is cut, is the same requests or the same refusal, and
// what is made of them holds no byte that could be markup or a field of the client's.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "server/web/http.h"
#include "server/web/pages.h"
#include "server/web/target.h"

using namespace hauspost::web;

namespace {

struct Outcome {
  std::vector<Request> requests;
  unsigned bad = 0;
};

Outcome read_all(std::string_view bytes, std::size_t step) {
  RequestParser parser({.header_bytes_max = 512, .body_bytes_max = 256});
  Outcome out;
  auto status = RequestParser::Status::kNeedMore;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    status = parser.feed(bytes.substr(at, step));
    while (status == RequestParser::Status::kRequest) {
      out.requests.push_back(parser.take());
      status = parser.feed({});
    }
    if (status == RequestParser::Status::kBad) break;
  }
  out.bad = parser.bad_status();
  return out;
}

void check_answer(const Request& request) {
  const auto target = parse_target(request.target);
  const std::string host = host_name(field(request.fields, "Host"));
  const std::string location =
      "https://" + host + (target ? percent_encode_path(target->path) : "");
  const std::string text =
      to_text({.status = 301, .fields = {{"Location", location}}}, false, false);
  // Head and no body: one empty line, at the end.
  if (text.find("\r\n\r\n") != text.size() - 4) std::abort();
  if (text.find("\r\nLocation: " + location + "\r\n") == std::string::npos) std::abort();
  const auto asked = parse_autodiscover(request.body);
  if (escape_xml(asked.address).find_first_of("<>\"'") != std::string::npos) std::abort();
  if (target && parse_target(percent_encode_path(target->path))->path != target->path) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (size == 0) return 0;
  const Outcome whole = read_all(bytes, size);
  const Outcome single = read_all(bytes, 1);
  if (whole.requests.size() != single.requests.size()) std::abort();
  for (std::size_t i = 0; i < whole.requests.size(); ++i) {
    const Request& one = whole.requests[i];
    const Request& other = single.requests[i];
    if (one.method != other.method || one.target != other.target || one.body != other.body ||
        one.fields != other.fields || one.keep_alive != other.keep_alive)
      std::abort();
    check_answer(one);
  }
  // Which limit was passed may depend on how much was seen at once; that there was one may not.
  if ((whole.bad == 0) != (single.bad == 0)) std::abort();
  return 0;
}
