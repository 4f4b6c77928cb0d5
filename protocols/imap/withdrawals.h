// Withdrawals: which extensions are kept from which devices, because what these did shows that they
// cannot use them. A device that is not offered what it breaks on works on without it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "protocols/imap/extensions.h"

namespace hauspost::imap {

// A mail program of one user: known by what it says of itself in ID, else by its address.
struct Device {
  Guid mailbox;
  std::string user;
  std::string id;  // "Thunderbird 153.7.0"; empty: it did not say
  std::string address;
};

struct Withdrawal {
  Device device;
  Extension extension = Extension::kCount;
  std::string cause;  // the last thing it did, for people
  std::int64_t since_s = 0;
  std::int64_t until_s = 0;
};

// "name version" of the fields of ID (RFC 2971 section 3.3) in printable ASCII; empty: neither.
std::string device_id(const IdRequest& request);
// What this program is never offered, whatever it did.
Extensions never_for(std::string_view device_id);

// REQUIRES: one thread.
class Withdrawals {
 public:
  static constexpr std::int64_t kPeriod_s = 24 * 3600;  // of a withdrawal, and until faults lapse
  static constexpr std::size_t kEntriesMax = 10'000;    // then the oldest go

  // What is kept from the device now.
  Extensions of(const Device& device, std::int64_t now_s) const;
  // The device broke a rule of the extension. True when it is withdrawn with that.
  bool note_fault(const Device& device, Extension extension, std::string_view cause,
                  std::int64_t now_s);
  // Those in force, the latest first.
  std::vector<Withdrawal> list(std::int64_t now_s) const;
  // Offers again what was withdrawn from the devices of `mailbox` (nullopt: of everybody): that
  // extension, or with nullopt all. Returns what was lifted.
  std::vector<Withdrawal> lift(std::optional<Guid> mailbox, std::optional<Extension> extension,
                               std::int64_t now_s);

  // Called whenever list() has changed other than by time; may be empty.
  void set_on_change(std::function<void()> call) { on_change_ = std::move(call); }
  // Takes up again what list() said before.
  void restore(const Withdrawal& withdrawal);

 private:
  struct Entry {
    Withdrawal withdrawal;  // until_s 0: only faults so far
    std::uint32_t faults = 0;
    std::int64_t last_s = 0;
  };
  // Mailbox, extension, and ID or address.
  using Key = std::tuple<std::string, Extension, std::string>;
  static Key key_of(const Device& device, Extension extension);
  void make_room(std::int64_t now_s);

  std::map<Key, Entry> entries_;
  std::function<void()> on_change_;
};

}  // namespace hauspost::imap
