#include "protocols/imap/reply.h"

#include <algorithm>

#include "base/log.h"

namespace hauspost::imap {
namespace {

constexpr std::size_t kTextBytesMax = 200;

// TEXT-CHAR without what would end the line or start a response code.
std::string printable(std::string_view text) {
  std::string out(text.substr(0, kTextBytesMax));
  std::ranges::replace_if(out, [](char c) { return c < ' ' || c >= 0x7f || c == '['; }, '?');
  return out;
}

}  // namespace

Reply ok(std::string text, std::string code) {
  return {.status = ReplyStatus::kOk, .code = std::move(code), .text = std::move(text)};
}
Reply no(std::string code, std::string text) {
  return {.status = ReplyStatus::kNo, .code = std::move(code), .text = std::move(text)};
}
Reply bad(std::string text) {
  return {.status = ReplyStatus::kBad, .code = "", .text = std::move(text)};
}

Reply uid_required() {
  return {.status = ReplyStatus::kBad,
          .code = "UIDREQUIRED",
          .text = "Sequence numbers are off after ENABLE UIDONLY"};
}

Reply reply_for(const ParseError& error) {
  return {.status = error.no ? ReplyStatus::kNo : ReplyStatus::kBad,
          .code = error.code,
          .text = printable(error.text)};
}

Reply reply_for(const Error& error, std::string_view exhausted) {
  const bool ours = error.code == ErrorCode::kInternal || error.code == ErrorCode::kCorrupt;
  if (ours) {
    log::error("imap.command.failed", {{"code", to_string(error.code)}, {"error", error}});
  }
  switch (error.code) {
    case ErrorCode::kInvalid: return no("CANNOT", printable(error.text));
    case ErrorCode::kNotFound: return no("NONEXISTENT", printable(error.text));
    case ErrorCode::kExists: return no("ALREADYEXISTS", printable(error.text));
    case ErrorCode::kDenied: return no("NOPERM", printable(error.text));
    case ErrorCode::kExhausted: return no(std::string(exhausted), printable(error.text));
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
    case ErrorCode::kCancelled: return no("UNAVAILABLE", "Not possible now, try again later");
    case ErrorCode::kOverQuota: return no("OVERQUOTA", printable(error.text));
    case ErrorCode::kCorrupt: return no("CORRUPTION", "Stored data is damaged");
    case ErrorCode::kInternal: break;
  }
  return no("SERVERBUG", "Internal error, see the server's log");
}

void append_tagged(std::string& out, std::string_view tag, const Reply& reply) {
  out += tag;
  out += reply.status == ReplyStatus::kOk   ? " OK "
         : reply.status == ReplyStatus::kNo ? " NO "
                                            : " BAD ";
  if (!reply.code.empty()) {
    out += '[';
    out += reply.code;
    out += "] ";
  }
  out += reply.text;
  out += "\r\n";
}

}  // namespace hauspost::imap
