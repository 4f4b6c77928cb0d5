#include "protocols/imap/withdrawals.h"

#include <algorithm>

#include "base/text.h"

namespace hauspost::imap {
namespace {

constexpr std::size_t kFieldMax = 56;      // bytes of a device's name, and of its version
constexpr std::size_t kDeviceIdMax = 128;  // session_start.proto's limit

// How often a device may break a rule before that proves something. What cannot be deflate data is
// proof at once; the rest may be a slip.
std::uint32_t faults_that_prove(Extension extension) {
  return extension == Extension::kCompress ? 1 : 2;
}

bool in_force(const Withdrawal& withdrawal, std::int64_t now_s) {
  return withdrawal.until_s > now_s;
}

}  // namespace

std::string device_id(const IdRequest& request) {
  std::string device;
  for (const std::string_view wanted : {"name", "version"}) {
    for (const auto& [field, value] : request.fields) {
      if (!value || !iequals(field, wanted)) continue;
      if (!device.empty()) device += ' ';
      device += escape_for_log(*value, kFieldMax);
      break;
    }
  }
  return device.substr(0, kDeviceIdMax);
}

Extensions never_for(std::string_view device_id) {
  // Outlook counts messages by number however it was told not to.
  if (ascii_lower(device_id).contains("outlook")) return {Extension::kUidOnly};
  return {};
}

Withdrawals::Key Withdrawals::key_of(const Device& device, Extension extension) {
  return {std::string(device.mailbox.as_bytes()), extension,
          device.id.empty() ? '@' + device.address : device.id};
}

Extensions Withdrawals::of(const Device& device, std::int64_t now_s) const {
  Extensions out;
  if (entries_.empty()) return out;
  for (std::size_t i = 0; i < static_cast<std::size_t>(Extension::kCount); ++i) {
    const auto extension = static_cast<Extension>(i);
    const auto found = entries_.find(key_of(device, extension));
    if (found != entries_.end() && in_force(found->second.withdrawal, now_s)) out.add(extension);
  }
  return out;
}

bool Withdrawals::note_fault(const Device& device, Extension extension, std::string_view cause,
                             std::int64_t now_s) {
  Key key = key_of(device, extension);
  if (!entries_.contains(key)) make_room(now_s);
  Entry& entry = entries_[std::move(key)];
  if (in_force(entry.withdrawal, now_s)) return false;  // a session that was there before
  if (now_s - entry.last_s > kPeriod_s) entry.faults = 0;
  entry.last_s = now_s;
  entry.withdrawal.device = device;
  entry.withdrawal.extension = extension;
  if (++entry.faults < faults_that_prove(extension)) return false;
  entry.withdrawal.cause = cause;
  entry.withdrawal.since_s = now_s;
  entry.withdrawal.until_s = now_s + kPeriod_s;
  entry.faults = 0;
  if (on_change_) on_change_();
  return true;
}

// What is over goes first, else what is oldest.
void Withdrawals::make_room(std::int64_t now_s) {
  if (entries_.size() < kEntriesMax) return;
  std::erase_if(entries_, [&](const auto& item) {
    return !in_force(item.second.withdrawal, now_s) && now_s - item.second.last_s > kPeriod_s;
  });
  if (entries_.size() < kEntriesMax) return;
  entries_.erase(std::ranges::min_element(
      entries_, {}, [](const auto& item) { return item.second.last_s; }));
}

std::vector<Withdrawal> Withdrawals::list(std::int64_t now_s) const {
  std::vector<Withdrawal> out;
  for (const auto& [key, entry] : entries_) {
    if (in_force(entry.withdrawal, now_s)) out.push_back(entry.withdrawal);
  }
  std::ranges::sort(out, std::ranges::greater(), &Withdrawal::since_s);
  return out;
}

std::vector<Withdrawal> Withdrawals::lift(std::optional<Guid> mailbox,
                                          std::optional<Extension> extension, std::int64_t now_s) {
  std::vector<Withdrawal> lifted;
  std::erase_if(entries_, [&](const auto& item) {
    const Withdrawal& withdrawal = item.second.withdrawal;
    if ((mailbox && *mailbox != withdrawal.device.mailbox) ||
        (extension && *extension != withdrawal.extension))
      return false;
    if (in_force(withdrawal, now_s)) lifted.push_back(withdrawal);
    return true;
  });
  if (!lifted.empty() && on_change_) on_change_();
  return lifted;
}

void Withdrawals::restore(const Withdrawal& withdrawal) {
  Entry& entry = entries_[key_of(withdrawal.device, withdrawal.extension)];
  entry.withdrawal = withdrawal;
  entry.last_s = withdrawal.since_s;
}

}  // namespace hauspost::imap
