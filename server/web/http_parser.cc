// The only file that sees Boost.Beast, which does the parsing.
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>

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
  }

  // What Beast lets through and we do not. 0: nothing.
  unsigned objection() const {
    const auto& message = parser->get();
    if (message.version() != kHttp10 && message.version() != kHttp11) return 505;
    // RFC 9112 section 3.2: one Host, or nobody knows whose request it is.
    const auto hosts = message.count(http::field::host);
    if (hosts > 1 || (hosts == 0 && message.version() == kHttp11)) return 400;
    if (message.count(http::field::transfer_encoding) != 0 && !parser->chunked()) return 501;
    return 0;
  }

  HttpLimits limits;
  std::optional<Parser> parser;
  std::string waiting;  // bytes that the parser has not used
  bool told_to_continue = false;
};

RequestParser::RequestParser(const HttpLimits& limits) : impl_(std::make_unique<Impl>(limits)) {}
RequestParser::~RequestParser() = default;

bool RequestParser::in_request() const {
  return impl_->parser->got_some() || !impl_->waiting.empty();
}

RequestParser::Status RequestParser::feed(std::string_view bytes) {
  if (bad_status_ != 0) return Status::kBad;
  Impl& impl = *impl_;
  impl.waiting.append(bytes);
  while (!impl.parser->is_done() && !impl.waiting.empty()) {
    const bool header_before = impl.parser->is_header_done();
    boost::beast::error_code code;
    const std::size_t used =
        impl.parser->put(boost::asio::buffer(impl.waiting.data(), impl.waiting.size()), code);
    impl.waiting.erase(0, used);
    if (!header_before && impl.parser->is_header_done()) bad_status_ = impl.objection();
    // More than fits, and its end has still not come: Beast says so of whole lines alone.
    if (bad_status_ == 0 && !impl.parser->is_header_done() &&
        impl.waiting.size() > impl.limits.header_bytes_max)
      bad_status_ = 431;
    if (bad_status_ == 0 && code && code != http::error::need_more) bad_status_ = status_of(code);
    if (bad_status_ != 0) return Status::kBad;
    if (code == http::error::need_more && used == 0) break;
  }
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
