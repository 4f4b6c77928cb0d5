#include "protocols/imap/hit_walk.h"

#include <algorithm>

#include "protocols/imap/message_body.h"
#include "store/mime/message.h"

namespace hauspost::imap {

bool HitWalk::step(const store::Snapshot& snapshot, store::FolderId folder) {
  const std::size_t end = std::min(next_ + kSliceMessages, hits_.size());
  if (next_ == end) return false;
  const store::UidRange range{hits_[next_].uid.value, hits_[end - 1].uid.value};
  std::size_t at = next_;
  bool go_on = true;
  snapshot.for_each_message(folder, range, [&](const store::Message& message) {
    while (at < end && hits_[at].uid < message.uid) ++at;
    if (at < end && hits_[at].uid == message.uid) {
      go_on = visit_(read(snapshot, message));
      visited_.push_back(static_cast<std::uint32_t>(at));
    }
    return go_on && at < end;
  });
  next_ = go_on ? end : at + 1;
  return next_ < hits_.size();
}

// A message that cannot be read has no subject and no date of its own: it is listed all the same.
HitMessage HitWalk::read(const store::Snapshot& snapshot, const store::Message& message) const {
  HitMessage read{message, {}, {}};
  if (parts_ == HitParts::kNothing) return read;
  auto body = MessageBody::open(snapshot, message.body);
  if (!body) return read;
  const auto summary = body->summary();
  if (summary) read.envelope = read_envelope((*summary)->envelope).value_or(Envelope{});
  if (parts_ != HitParts::kEnvelopeAndReferences) return read;
  if (const auto header = body->header())
    read.references = mime::header_field(*header, "references").value_or("");
  return read;
}

}  // namespace hauspost::imap
