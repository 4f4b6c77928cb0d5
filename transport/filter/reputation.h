// Reputation: a level from 0 to 9 for each client address, from what it did here.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <unordered_map>

#include "transport/filter/settings.h"

namespace hauspost::transport {

// REQUIRES: one thread. Bounded. Forgotten with the process, but for blocks, which are saved.
class Reputation {
 public:
  static constexpr std::size_t kAddressesMax = 50'000;
  static constexpr std::uint32_t kMessagesLeast = 20;  // before that the level is 0
  static constexpr std::uint32_t kLevelMost = 9;

  // A message came by this session, or was refused in it. `bad`: as spam or as what nobody here
  // wants.
  struct Deed {
    std::string_view hello;
    bool forged_hello = false;
    bool no_reverse = false;
    bool bad = false;
  };
  // Notes it; the address is blocked from now on when that brings it to the level.
  void note(const ReputationSettings& settings, const std::string& address, const Deed& deed,
            WallTime now);

  std::uint32_t level(const std::string& address) const;
  bool is_blocked(const std::string& address, WallTime now);
  // Also from now on; false: it was not.
  bool lift(const std::string& address);

  struct Blocked {
    std::string address;
    std::uint32_t level = 0;
    std::int64_t until_s = 0;
  };
  std::vector<Blocked> blocked(WallTime now) const;

  bool changed() const { return changed_; }
  bool load(std::string_view bytes);
  std::string save();

 private:
  static constexpr std::size_t kHellosMax = 32;
  struct Record {
    std::uint32_t messages = 0;
    std::uint32_t bad = 0;
    std::uint32_t forged = 0;
    std::uint32_t without_reverse = 0;
    std::uint32_t hello_changes = 0;  // messages under a name that was not seen before
    std::array<std::uint32_t, kHellosMax> hellos{};  // hashes
    std::size_t hello_count = 0;
    std::int64_t last_s = 0;
  };
  static std::uint32_t level_of(const Record& record);
  void make_room();

  std::unordered_map<std::string, Record> records_;
  std::unordered_map<std::string, Blocked> blocks_;
  bool changed_ = false;
};

}  // namespace hauspost::transport
