// MessageBody: one stored message, of which only as much is read from the disk and checked as
// somebody asks for: most of what clients fetch and search was finished at delivery.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "store/mime/message.h"
#include "store/snapshot.h"

namespace hauspost::imap {

// Every failure is kCorrupt: the message cannot be read.
class MessageBody {
 public:
  static Result<MessageBody> open(const store::Snapshot& snapshot, store::BodyId id);

  // Valid as long as this object, also when it is moved.
  Result<const mime::Summary*> summary();
  Result<std::string_view> bytes();
  // With its closing empty line.
  Result<std::string_view> header();
  Result<std::string_view> content_hash();

  // True when `view` lies in bytes(), which `owner` then keeps in memory.
  bool holds(std::string_view view) const;
  const std::shared_ptr<const store::SegmentMap>& owner() const { return body_.segment; }

 private:
  explicit MessageBody(store::Body body) : body_(std::move(body)) {}
  Result<> check();

  store::Body body_;
  bool checked_ = false;
  bool header_checked_ = false;
  std::unique_ptr<const std::string> made_summary_;  // of a body without a usable one
  std::optional<mime::Summary> summary_;
};

}  // namespace hauspost::imap
