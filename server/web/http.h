// HTTP/1.1 (RFC 9110, RFC 9112) as far as small pages need it: requests out of bytes, bytes out of
// responses. Pure: no socket, no clock, no log.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hauspost::web {

struct HttpLimits {
  std::uint32_t header_bytes_max = 16 * 1024;  // request line and fields together
  std::uint64_t body_bytes_max = 64 * 1024;
};

using Fields = std::vector<std::pair<std::string, std::string>>;
// The first field of that name, without regard to case; empty: none.
std::string_view field(const Fields& fields, std::string_view name);

struct Request {
  std::string method;  // upper case, as sent
  std::string target;  // as sent
  Fields fields;
  std::string body;
  bool keep_alive = false;  // the client wants to go on after the answer
};

struct Response {
  unsigned status = 200;
  std::string content_type = {};
  std::string body = {};
  Fields fields = {};  // further ones: ours, never a client's bytes
  bool close = false;  // whatever the client wants
};

// One request after the other out of a connection's bytes.
class RequestParser {
 public:
  explicit RequestParser(const HttpLimits& limits);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  enum class Status : std::uint8_t { kNeedMore, kRequest, kBad };
  // Looks at `bytes` as well. kRequest: take() it, and feed() on, with nothing when nothing more
  // has come. kBad: bad_status() says what to answer; nothing of what follows can be understood.
  Status feed(std::string_view bytes);
  Request take();
  unsigned bad_status() const { return bad_status_; }  // 400, 411, 413, 431, 501, 505
  // Some bytes of a request have come, but not all.
  bool in_request() const;
  // True once for a request whose client waits for a word before it sends the body (RFC 9110
  // section 10.1.1).
  bool wants_continue();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  unsigned bad_status_ = 0;
};

std::string_view reason_phrase(unsigned status);
// With Content-Length, always; without the body for HEAD and 304.
std::string to_text(const Response& response, bool head_only, bool keep_alive);

}  // namespace hauspost::web
