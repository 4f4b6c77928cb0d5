// What an administrator switches on against abuse. Everything is off by itself.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/network.h"

namespace hauspost::transport {

struct AddressRule {
  Network network;
  std::int64_t until_s = 0;  // Unix seconds; 0: for good
  std::string note;
  bool operator==(const AddressRule&) const = default;
};

// "eve@example.net", "example.net", "*.example.net" (and all below), "eve@" (in every domain).
struct PatternRule {
  std::string pattern;  // lower case
  std::string note;
  bool operator==(const PatternRule&) const = default;
};

struct DnsList {
  std::string zone;    // "zen.example.org"
  int priority = 100;  // the least is asked and speaks first
  bool enabled = true;
  std::vector<Network> codes;  // answers that count; empty: all of 127.0.0.0/8
  std::string text;            // after 550 5.7.1; %IP is the client, %LIST the zone
  bool operator==(const DnsList&) const = default;
};
inline constexpr std::size_t kDnsListTextMax = 240;

struct Milter {
  enum class OnFailure : std::uint8_t { kAccept, kTempfail };
  std::string name;
  std::string address;  // "unix:/run/opendkim.sock", "inet:127.0.0.1:8891"
  int priority = 100;   // the least is asked first
  bool enabled = true;
  OnFailure on_failure = OnFailure::kTempfail;
  bool users_too = false;  // also what users submit
  std::uint32_t connect_s = 5;
  std::uint32_t command_s = 30;
  std::uint32_t end_s = 300;  // of the answer to the end of a message
  bool operator==(const Milter&) const = default;
};

struct GreylistSettings {
  bool enabled = false;
  std::uint32_t delay_s = 300;          // what comes back earlier is told to wait
  std::uint32_t window_s = 2 * 86'400;  // what never came back is forgotten
  std::uint32_t keep_s = 35 * 86'400;   // who came back stays known so long without mail
  std::uint32_t auto_allow = 5;         // triplets that came back make a network known as such
  bool operator==(const GreylistSettings&) const = default;
};

struct ClientCheckSettings {
  bool enabled = false;
  std::uint32_t reject_score = 0;  // 550 at this score or above; 0: only noted
  bool operator==(const ClientCheckSettings&) const = default;
};

struct ReputationSettings {
  bool enabled = false;
  std::uint32_t block_level = 7;  // met or exceeded
  std::uint32_t block_hours = 24;
  bool operator==(const ReputationSettings&) const = default;
};

// Of one user in 24 hours; 0: none.
struct UserCaps {
  std::uint32_t messages = 0;
  std::uint32_t recipients = 0;
  std::uint32_t new_recipients = 0;  // whom the user did not write to in the last 30 days
  bool operator==(const UserCaps&) const = default;
  bool any() const { return messages != 0 || recipients != 0 || new_recipients != 0; }
};

struct FilterSettings {
  std::vector<AddressRule> allowed;  // wins over everything but a user's caps
  std::vector<AddressRule> blocked;
  std::vector<PatternRule> senders;
  std::vector<PatternRule> recipients;
  bool block_null_sender = false;
  std::vector<DnsList> dns_lists;
  std::vector<std::string> dns_list_exempt;  // recipients for whom no list counts
  GreylistSettings greylist;
  ClientCheckSettings checks;
  ReputationSettings reputation;
  UserCaps caps;                          // of everybody
  std::map<Guid, UserCaps> mailbox_caps;  // of one mailbox, instead
  std::vector<Milter> milters;
  bool operator==(const FilterSettings&) const = default;

  bool concerns_strangers() const;
  bool concerns_user(const Guid& mailbox) const;
  const UserCaps& caps_of(const Guid& mailbox) const;
};

// Whether the pattern fits; `address` is local@domain, in any case.
bool matches(const PatternRule& rule, std::string_view address);
// nullopt: no pattern. In lower case otherwise.
std::optional<std::string> normal_pattern(std::string_view text);

// The rule that holds for the address now, or null.
const AddressRule* find_rule(const std::vector<AddressRule>& rules, std::string_view address,
                             WallTime now);

}  // namespace hauspost::transport
