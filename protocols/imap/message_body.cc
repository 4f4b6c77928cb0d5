#include "protocols/imap/message_body.h"

#include "base/bytes.h"
#include "base/check.h"

namespace hauspost::imap {

Result<MessageBody> MessageBody::open(const store::Snapshot& snapshot, store::BodyId id) {
  TRY_ASSIGN(store::Body body, snapshot.unchecked_body(id));
  return MessageBody(std::move(body));
}

Result<> MessageBody::check() {
  if (checked_) return {};
  TRY(body_.check());
  checked_ = header_checked_ = true;
  return {};
}

Result<const mime::Summary*> MessageBody::summary() {
  if (summary_) return &*summary_;
  summary_ = mime::read_summary(body_.summary);
  if (summary_ && summary_->vouched) return &*summary_;
  if (auto whole = check(); !whole) {
    summary_.reset();
    return fail(std::move(whole).error());
  }
  if (!summary_) {
    made_summary_ = std::make_unique<const std::string>(mime::make_summary(body_.bytes));
    summary_ = mime::read_summary(*made_summary_);
    HP_CHECK(summary_.has_value());
  }
  return &*summary_;
}

Result<std::string_view> MessageBody::bytes() {
  TRY(check());
  return body_.bytes;
}

Result<std::string_view> MessageBody::header() {
  TRY_ASSIGN(const mime::Summary* const known, summary());
  const std::string_view header = body_.bytes.substr(0, known->header_bytes);
  if (header_checked_) return header;
  if (header.size() != known->header_bytes || crc32c(header) != known->header_crc)
    return fail(ErrorCode::kCorrupt, "a message's header fails its CRC");
  header_checked_ = true;
  return header;
}

Result<std::string_view> MessageBody::content_hash() {
  TRY(check());
  return body_.content_hash;
}

bool MessageBody::holds(std::string_view view) const {
  return !std::less<>{}(view.data(), body_.bytes.data()) &&
         std::less<>{}(view.data(), body_.bytes.data() + body_.bytes.size());
}

}  // namespace hauspost::imap
