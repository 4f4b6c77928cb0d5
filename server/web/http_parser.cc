// The only file that sees Boost.Beast, which does the parsing.
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>
#include <string_view>

#include "server/web/http.h"

namespace hauspost::web {

namespace {

namespace http = boost::beast::http;
using Parser = http::request_parser<http::string_body>;

constexpr unsigned kHttp10 = 10;
constexpr unsigned kHttp11 = 11;

unsigned status_of(const boost::beast::error_code& code) {
  if (code == http::error::header_limit) return 431;
  if (code == http::error::body_limit) return 413;
  if (code == http::error::bad_version) return 505;
  return 400;
}

// A control that has no place in a head: somebody may be speaking TLS.
bool is_foreign(char c) {
  const auto octet = static_cast<unsigned char>(c);
  return (octet < 0x20 && c != '\t' && c != '\r' && c != '\n') || octet == 0x7f;
}

std::string text_of(boost::beast::string_view view) { return {view.data(), view.size()}; }

}  // namespace

struct RequestParser::Impl {
  explicit Impl(const HttpLimits& given) : limits(given) { begin(); }

  void begin() {
    parser.emplace();
    parser->header_limit(limits.header_bytes_max);
    parser->body_limit(limits.body_bytes_max);
    parser->eager(true);
    told_to_continue = false;
    scanned = 0;
    head = 0;
  }

  // What Beast lets through and we do not. 0: nothing.
  unsigned objection() const {
    const auto& message = parser->get();
    if (message.version() != kHttp10 && message.version() != kHttp11) return 505;
    // RFC 9112 section 3.2: one Host, or nobody knows whose request it is.
    const auto hosts = message.count(http::field::host);
    if (hosts > 1 || (hosts == 0 && message.version() == kHttp11)) return 400;
    // Nobody who asks us has a reason for chunks, and many a misunderstanding begins with them: a
    // server may ask for a length (RFC 9112 section 6.3).
    if (parser->chunked()) return 411;
    if (message.count(http::field::transfer_encoding) != 0) return 501;
    return 0;
  }

  // Looks at what has not been looked at for the end of the head; 0, or what to answer. Lines end
  // in CRLF and in nothing else: whoever stands between the client and us may read it otherwise
  // (RFC 9112 section 2.2).
  unsigned scan_head() {
    // Left over from a body that was longer than it said (section 2.2 of RFC 9112).
    while (waiting.starts_with("\r\n")) {
      waiting.erase(0, 2);
      scanned = 0;
    }
    for (; scanned < waiting.size(); ++scanned) {
      const char c = waiting[scanned];
      const char before = scanned == 0 ? '\0' : waiting[scanned - 1];
      if (is_foreign(c) || (before == '\r') != (c == '\n')) return 400;
      if (scanned >= limits.header_bytes_max) return 431;
      if (!std::string_view(waiting).substr(0, scanned + 1).ends_with("\r\n\r\n")) continue;
      head = scanned + 1;
      return 0;
    }
    return 0;
  }

  // As far as what is waiting allows; 0, or what to answer.
  unsigned advance() {
    if (head == 0) {
      if (const unsigned bad = scan_head(); bad != 0 || head == 0) return bad;
      boost::beast::error_code code;
      const std::size_t used = parser->put(boost::asio::buffer(waiting.data(), head), code);
      waiting.erase(0, used);
      if (code && code != http::error::need_more) return status_of(code);
      if (!parser->is_header_done()) return 400;
      if (const unsigned bad = objection(); bad != 0) return bad;
    }
    while (!parser->is_done() && !waiting.empty()) {
      boost::beast::error_code code;
      const std::size_t used =
          parser->put(boost::asio::buffer(waiting.data(), waiting.size()), code);
      waiting.erase(0, used);
      if (code && code != http::error::need_more) return status_of(code);
      if (used == 0) return waiting.size() > limits.header_bytes_max ? 431 : 0;
    }
    return 0;
  }

  HttpLimits limits;
  std::optional<Parser> parser;
  std::string waiting;      // bytes that the parser has not used
  std::size_t scanned = 0;  // of them, while the head has not ended
  std::size_t head = 0;     // its length; 0: it has not ended
  bool told_to_continue = false;
};

RequestParser::RequestParser(const HttpLimits& limits) : impl_(std::make_unique<Impl>(limits)) {}
RequestParser::~RequestParser() = default;

bool RequestParser::in_request() const { return impl_->head != 0 || !impl_->waiting.empty(); }

RequestParser::Status RequestParser::feed(std::string_view bytes) {
  if (bad_status_ != 0) return Status::kBad;
  Impl& impl = *impl_;
  impl.waiting.append(bytes);
  bad_status_ = impl.advance();
  if (bad_status_ != 0) return Status::kBad;
  return impl.parser->is_done() ? Status::kRequest : Status::kNeedMore;
}

Request RequestParser::take() {
  Impl& impl = *impl_;
  auto& message = impl.parser->get();
  Request request;
  request.method = text_of(message.method_string());
  request.target = text_of(message.target());
  request.keep_alive = message.keep_alive();
  for (const auto& one : message.base())
    request.fields.emplace_back(text_of(one.name_string()), text_of(one.value()));
  request.body = std::move(message.body());
  impl.begin();
  return request;
}

bool RequestParser::wants_continue() {
  Impl& impl = *impl_;
  if (impl.told_to_continue || !impl.parser->is_header_done() || impl.parser->is_done())
    return false;
  const auto& message = impl.parser->get();
  if (message.version() != kHttp11 ||
      !boost::beast::iequals(message[http::field::expect], "100-continue"))
    return false;
  impl.told_to_continue = true;
  return true;
}

}  // namespace hauspost::web
