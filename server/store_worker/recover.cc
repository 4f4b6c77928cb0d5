#include "server/store_worker/recover.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "server/child/mailbox.pb.h"
#include "store/mime/message.h"

namespace hauspost::store_worker {

namespace {

using child::wire::RecoverItem;
using child::wire::RecoverListReply;
using child::wire::RecoverRequest;
using child::wire::RecoverStepReply;

constexpr std::size_t kSlice = 100;  // messages between two turns of others

Result<store::Mailbox> find_mailbox(const store::Snapshot& snapshot, const std::string& guid) {
  const auto parsed = Guid::from_bytes(guid);
  if (!parsed) return fail(ErrorCode::kInvalid, "the request does not parse");
  auto mailbox = snapshot.mailbox(*parsed);
  if (!mailbox) return fail(ErrorCode::kNotFound, "nothing was ever stored for this mailbox");
  return *std::move(mailbox);
}

// What a person sees of a message.
struct Shown {
  std::string from;
  std::string subject;
};
Result<Shown> show(const store::Snapshot& snapshot, const store::Message& message) {
  TRY_ASSIGN(const store::Body body, snapshot.body(message.body));
  const std::string_view header = mime::header_block(body.bytes);
  return Shown{mime::decode_header_text(mime::header_field(header, "From").value_or("")),
               mime::decode_header_text(mime::header_field(header, "Subject").value_or(""))};
}

// Walks through the deleted messages behind `after`, a slice at a time.
class Walk {
 public:
  Walk(store::Database& database, const RecoverRequest& request)
      : database_(database),
        filter_(request.filter()),
        subject_(mime::fold(filter_.subject())),
        from_(mime::fold(filter_.from())),
        ids_(filter_.ids().begin(), filter_.ids().end()),
        at_(request.after()) {
    std::ranges::sort(ids_);
  }

  struct Found {
    store::Message message;
    std::string folder;  // where it was; empty: gone
    Shown shown;
  };
  // The next slice's matches, `most` at most. kNotFound: no such mailbox.
  Result<std::vector<Found>> next(const std::string& guid, std::size_t most, bool with_text) {
    const store::Snapshot snapshot = database_.snapshot();
    TRY_ASSIGN(const store::Mailbox mailbox, find_mailbox(snapshot, guid));
    const auto hidden = snapshot.recoverable(mailbox.id);
    if (!hidden || at_ >= hidden->uid_next.value) {
      done_ = true;
      return std::vector<Found>();
    }
    folder_ = hidden->id;
    if (!paths_known_) {
      for (const store::Folder& folder : snapshot.folders(mailbox.id))
        paths_[folder.id] = folder.path;
      paths_known_ = true;
    }
    return slice(snapshot, most, with_text);
  }

  bool done() const { return done_; }
  std::uint64_t looked_at() const { return looked_at_; }
  // The id behind which the walk goes on.
  std::uint64_t position() const { return at_; }
  store::FolderId folder() const { return folder_; }

 private:
  Result<std::vector<Found>> slice(const store::Snapshot& snapshot, std::size_t most,
                                   bool with_text) {
    std::vector<Found> matches;
    std::size_t seen = 0;
    std::optional<Error> error;
    const auto first = static_cast<std::uint32_t>(at_ + 1);
    snapshot.for_each_message(folder_, {first, UINT32_MAX}, [&](const store::Message& message) {
      auto found = match(snapshot, message, with_text);
      if (!found) {
        error = std::move(found).error();
        return false;
      }
      at_ = message.uid.value;
      ++looked_at_;
      if (*found) matches.push_back(**std::move(found));
      return ++seen < kSlice && matches.size() < most;
    });
    if (error) return fail(*std::move(error));
    done_ = seen < kSlice && matches.size() < most;
    return matches;
  }

  Result<std::optional<Found>> match(const store::Snapshot& snapshot, const store::Message& message,
                                     bool with_text) const {
    const auto none = std::optional<Found>();
    if (!ids_.empty() && !std::ranges::binary_search(ids_, std::uint64_t{message.uid.value}))
      return none;
    if (message.save_date_s < filter_.since_s()) return none;
    if (filter_.before_s() != 0 && message.save_date_s >= filter_.before_s()) return none;
    const auto path = paths_.find(store::origin_of(message));
    Found found{message, path == paths_.end() ? std::string() : path->second, {}};
    if (!filter_.folder().empty() && found.folder != filter_.folder()) return none;
    if (!with_text && subject_.empty() && from_.empty()) return std::optional(std::move(found));
    TRY_ASSIGN(found.shown, show(snapshot, message));
    if (!subject_.empty() && mime::fold(found.shown.subject).find(subject_) == std::string::npos)
      return none;
    if (!from_.empty() && mime::fold(found.shown.from).find(from_) == std::string::npos)
      return none;
    return std::optional(std::move(found));
  }

  store::Database& database_;
  const child::wire::RecoverFilter& filter_;
  const std::string subject_;
  const std::string from_;
  std::vector<std::uint64_t> ids_;
  std::map<store::FolderId, std::string> paths_;
  bool paths_known_ = false;
  store::FolderId folder_;
  std::uint64_t at_ = 0;
  std::uint64_t looked_at_ = 0;
  bool done_ = false;
};

RecoverItem to_wire(const Walk::Found& found, std::int64_t keep_s) {
  RecoverItem item;
  item.set_id(found.message.uid.value);
  item.set_folder(found.folder);
  item.set_bytes(found.message.size);
  item.set_received_s(found.message.internal_date_s);
  item.set_deleted_s(found.message.save_date_s);
  item.set_gone_s(found.message.save_date_s + keep_s);
  item.set_from(found.shown.from);
  item.set_subject(found.shown.subject);
  return item;
}

}  // namespace

Task<Result<RecoverListReply>> list_deleted(store::Database& database, LimitsCache& limits,
                                            RecoverRequest request) {
  const std::uint32_t limit =
      request.limit() == 0 ? kRecoverListMax : std::min(request.limit(), kRecoverListMax);
  const auto guid = Guid::from_bytes(request.guid());
  if (!guid) co_return fail(ErrorCode::kInvalid, "the request does not parse");
  const std::int64_t keep_s = limits.of(*guid).keep_deleted_s;
  Walk walk(database, request);
  RecoverListReply reply;
  while (!walk.done() && walk.looked_at() < kRecoverStepMax) {
    const auto room = limit - static_cast<std::uint32_t>(reply.items_size());
    if (room == 0) break;
    CO_TRY_ASSIGN(const auto found, walk.next(request.guid(), room, true));
    for (const Walk::Found& one : found) *reply.add_items() = to_wire(one, keep_s);
    co_await yield_now();
  }
  if (!walk.done()) reply.set_next(walk.position());
  co_return reply;
}

Task<Result<RecoverStepReply>> take_deleted(store::Database& database, RecoverRequest request,
                                            bool purge) {
  const std::uint64_t limit = request.limit() == 0 ? kRecoverStepMax : request.limit();
  const auto guid = Guid::from_bytes(request.guid());
  if (!guid) co_return fail(ErrorCode::kInvalid, "the request does not parse");
  Walk walk(database, request);
  RecoverStepReply reply;
  store::UidSet chosen;
  while (!walk.done() && walk.looked_at() < kRecoverStepMax && reply.messages() < limit) {
    CO_TRY_ASSIGN(const auto found, walk.next(request.guid(), limit - reply.messages(), false));
    for (const Walk::Found& one : found) {
      chosen.add(one.message.uid.value);
      reply.set_bytes(reply.bytes() + one.message.size);
    }
    reply.set_messages(reply.messages() + found.size());
    co_await yield_now();
  }
  if (!chosen.empty() && !request.dry_run()) {
    if (purge)
      CO_TRY(co_await database.expunge({}, walk.folder(), std::move(chosen), false));
    else
      CO_TRY(co_await database.restore({}, *guid, std::move(chosen)));
  }
  reply.set_looked_at(walk.looked_at());
  if (!walk.done()) reply.set_next(walk.position());
  co_return reply;
}

}  // namespace hauspost::store_worker
