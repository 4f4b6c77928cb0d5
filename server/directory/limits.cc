#include "server/directory/limits.h"

namespace hauspost::directory {

namespace {

// Calls `visit` with each pair of members of the same name.
template <class A, class B, class Visit>
void each_pair(A& a, B& b, Visit visit) {
  visit(a.warn_bytes, b.warn_bytes);
  visit(a.prohibit_send_bytes, b.prohibit_send_bytes);
  visit(a.prohibit_receive_bytes, b.prohibit_receive_bytes);
  visit(a.recoverable_bytes, b.recoverable_bytes);
  visit(a.keep_deleted_s, b.keep_deleted_s);
  visit(a.keep_disconnected_s, b.keep_disconnected_s);
  visit(a.message_bytes_max, b.message_bytes_max);
  visit(a.sessions_max, b.sessions_max);
}

}  // namespace

void apply(const Limits& limits, EffectiveLimits& to) {
  each_pair(limits, to, [](const auto& from, auto& into) {
    if (from) into = *from;
  });
}

void apply(const LimitChanges& changes, Limits& to) {
  each_pair(changes.set, to, [](const auto& from, auto& into) {
    if (from) into = from;
  });
  each_pair(changes.unset, to, [](const auto& from, auto& into) {
    if (from) into.reset();
  });
}

}  // namespace hauspost::directory
