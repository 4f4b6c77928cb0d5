#include "server/supervisor/limits_wire.h"

namespace hauspost::supervisor {

namespace {

directory::Limits from_wire(const admin::Limits& from) {
  directory::Limits to;
  if (from.has_warn_bytes()) to.warn_bytes = from.warn_bytes();
  if (from.has_prohibit_send_bytes()) to.prohibit_send_bytes = from.prohibit_send_bytes();
  if (from.has_prohibit_receive_bytes()) to.prohibit_receive_bytes = from.prohibit_receive_bytes();
  if (from.has_recoverable_bytes()) to.recoverable_bytes = from.recoverable_bytes();
  if (from.has_keep_deleted_s()) to.keep_deleted_s = from.keep_deleted_s();
  if (from.has_keep_disconnected_s()) to.keep_disconnected_s = from.keep_disconnected_s();
  if (from.has_message_bytes_max()) to.message_bytes_max = from.message_bytes_max();
  if (from.has_sessions_max()) to.sessions_max = from.sessions_max();
  return to;
}

}  // namespace

admin::Limits to_wire(const directory::Limits& from) {
  admin::Limits to;
  if (from.warn_bytes) to.set_warn_bytes(*from.warn_bytes);
  if (from.prohibit_send_bytes) to.set_prohibit_send_bytes(*from.prohibit_send_bytes);
  if (from.prohibit_receive_bytes) to.set_prohibit_receive_bytes(*from.prohibit_receive_bytes);
  if (from.recoverable_bytes) to.set_recoverable_bytes(*from.recoverable_bytes);
  if (from.keep_deleted_s) to.set_keep_deleted_s(*from.keep_deleted_s);
  if (from.keep_disconnected_s) to.set_keep_disconnected_s(*from.keep_disconnected_s);
  if (from.message_bytes_max) to.set_message_bytes_max(*from.message_bytes_max);
  if (from.sessions_max) to.set_sessions_max(*from.sessions_max);
  return to;
}

admin::Limits to_wire(const directory::EffectiveLimits& from) {
  return to_wire(directory::Limits{.warn_bytes = from.warn_bytes,
                                   .prohibit_send_bytes = from.prohibit_send_bytes,
                                   .prohibit_receive_bytes = from.prohibit_receive_bytes,
                                   .recoverable_bytes = from.recoverable_bytes,
                                   .keep_deleted_s = from.keep_deleted_s,
                                   .keep_disconnected_s = from.keep_disconnected_s,
                                   .message_bytes_max = from.message_bytes_max,
                                   .sessions_max = from.sessions_max});
}

Result<directory::LimitChanges> from_wire(const admin::LimitChanges& from) {
  directory::LimitChanges changes{from_wire(from.set()), from_wire(from.unset())};
  if (changes.set.keep_deleted_s.value_or(0) < 0 || changes.set.keep_disconnected_s.value_or(0) < 0)
    return fail(ErrorCode::kInvalid, "a retention cannot be below 0");
  if (changes.set.sessions_max == 0U)
    return fail(ErrorCode::kInvalid,
                "a user needs at least one session; to keep one out, use mailbox disable");
  return changes;
}

}  // namespace hauspost::supervisor
