#include "protocols/imap/append_data.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocols/imap/imap_url.h"
#include "protocols/imap/message_body.h"
#include "protocols/imap/sharing.h"
#include "protocols/imap/uid_text.h"

namespace hauspost::imap {
namespace {

// url-resp-text (RFC 4469 section 5): what cannot stand in a response code is percent-encoded.
Reply bad_url(std::string_view url) {
  std::string shown;
  for (const char c : url) {
    if (c <= ' ' || c >= 0x7f || c == ']') {
      shown += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      shown += c;
    }
  }
  return no("BADURL " + shown, "No such message or part");
}

Reply too_big() { return no("TOOBIG", "The message would be too big"); }

std::string_view cut(std::string_view bytes, const ImapUrl& url) {
  if (url.offset >= bytes.size()) return {};
  return bytes.substr(url.offset, url.count.value_or(std::string_view::npos));
}

// Each may stand for a whole message that has to be read.
bool names_too_many_urls(const std::vector<AppendMessage>& messages, std::size_t most) {
  std::size_t urls = 0;
  for (const AppendMessage& message : messages) {
    urls += static_cast<std::size_t>(
        std::ranges::count_if(message.parts, [](const CatenatePart& part) { return !part.text; }));
  }
  return urls > most;
}

// Puts one message together.
class Catenation {
 public:
  using Made = std::expected<std::string, Reply>;

  explicit Catenation(Session& session) : session_(session) {}

  // REQUIRES: `parts` and this outlive the task.
  Task<Result<Made>> make(const std::vector<CatenatePart>& parts) {
    for (const CatenatePart& part : parts) {
      auto added = part.text ? add(*part.text) : add_url(part.url);
      if (!added) co_return Made(std::unexpected(std::move(added).error()));
      if (!part.text) CO_TRY(co_await session_.breathe());
    }
    if (bytes_.empty()) co_return Made(std::unexpected(no("CANNOT", "empty message")));
    co_return Made(std::move(bytes_));
  }

 private:
  std::expected<void, Reply> add(std::string_view bytes) {
    if (bytes.size() > session_.limits().message_bytes_max - bytes_.size())
      return std::unexpected(too_big());
    bytes_ += bytes;
    return {};
  }

  std::optional<store::FolderId> folder_of(const store::Snapshot& snapshot, const ImapUrl& url) {
    const auto folder = url.mailbox ? session_.find_folder(*url.mailbox)
                        : session_.state() == State::kSelected
                            ? snapshot.folder(session_.view().folder())
                            : std::nullopt;
    if (!folder || refusal(session_, *folder, store::kMayRead) ||
        (url.uid_validity && *url.uid_validity != folder->uid_validity))
      return std::nullopt;
    return folder->id;
  }

  // RFC 4469 section 3: the octets of the part, unchanged; \Seen stays as it is.
  std::expected<void, Reply> add_url(const std::string& text) {
    const auto url = parse_imap_url(text, session_.limits());
    const store::Snapshot snapshot = session_.snapshot();
    const auto folder = url ? folder_of(snapshot, *url) : std::nullopt;
    const auto message = folder ? snapshot.message(*folder, store::Uid(url->uid)) : std::nullopt;
    if (!message) return std::unexpected(bad_url(text));
    auto body = MessageBody::open(snapshot, message->body);
    if (!body) return std::unexpected(reply_for(body.error()));
    const auto bytes = body->bytes();
    if (!bytes) return std::unexpected(reply_for(bytes.error()));
    std::string storage;
    const auto part = mime::find_section(*bytes, url->section, storage);
    if (!part) return std::unexpected(bad_url(text));
    return add(cut(*part, *url));
  }

  Session& session_;
  std::string bytes_;
};

}  // namespace

Task<Result<AppendData>> append_data(Session& session, std::vector<AppendMessage>& messages) {
  if (names_too_many_urls(messages, session.limits().catenate_urls_max))
    co_return AppendData(std::unexpected(no("LIMIT", "Too many URLs")));
  const std::int64_t now_s =
      std::chrono::floor<Seconds>(session.services().clock.now()).time_since_epoch().count();
  std::vector<store::NewMessage> ready;
  ready.reserve(messages.size());
  std::uint64_t total = 0;
  for (AppendMessage& message : messages) {
    if (message.utf8 && !session.dialect().utf8_accept)
      co_return AppendData(std::unexpected(bad("UTF8=ACCEPT is not enabled")));
    if (!message.parts.empty()) {
      Catenation catenation(session);
      CO_TRY_ASSIGN(auto whole, co_await catenation.make(message.parts));
      if (!whole) co_return AppendData(std::unexpected(std::move(whole).error()));
      message.bytes = std::make_shared<const std::string>(*std::move(whole));
    }
    if (message.bytes->empty()) co_return AppendData(std::unexpected(no("CANNOT", "empty message")));
    total += message.bytes->size();
    if (total > session.limits().append_bytes_max) co_return AppendData(std::unexpected(too_big()));
    ready.push_back({.body = std::move(message.bytes),
                     .flags = message.flags.system,
                     .keywords = std::move(message.flags.keywords),
                     .internal_date_s = message.internal_date_s.value_or(now_s)});
  }
  co_return AppendData(std::move(ready));
}

void leave_flags(std::vector<store::NewMessage>& messages, store::RightBits rights) {
  const store::FlagBits allowed = changeable(rights);
  for (store::NewMessage& message : messages) {
    message.flags &= allowed;
    if ((rights & store::kMayWrite) == 0) message.keywords.clear();
  }
}

std::string appenduid(const store::Appended& appended) {
  return fmt::format("APPENDUID {} {}", appended.uid_validity,
                     set_text(std::span<const store::Uid>(appended.uids)));
}

Reply append_failure(const Error& error) {
  if (error.code == ErrorCode::kNotFound) return no("TRYCREATE", "No such mailbox");
  return reply_for(error, "OVERQUOTA");
}

}  // namespace hauspost::imap
