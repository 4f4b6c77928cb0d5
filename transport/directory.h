// What transport asks the organisation's directory. Implemented by whoever owns the directory; in
// tests by a map.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/text.h"

namespace hauspost::transport {

inline constexpr std::uint64_t kNoLimit = UINT64_MAX;

// Where mail for an address goes.
struct Resolved {
  enum class Kind : std::uint8_t {
    kMailbox,      // ours, and somebody has it
    kUnknown,      // an accepted domain, but nobody has this address
    kForeign,      // not an accepted domain
    kUnavailable,  // the directory cannot say now
    kGroup,        // its members get it: members()
    kExternal,     // an address of ours that stands for `target`, which is not
    kRelay,        // a domain that is taken for others, from anybody; goes on as kForeign does
  };
  Kind kind = Kind::kUnavailable;
  // Of kMailbox; `mailbox` and `label` also of kGroup and kExternal:
  Guid mailbox;          // or the group's, or the contact's
  std::string label;     // primary address
  std::string database;  // its name; mounted or not
  std::string socket;    // path of the database's delivery socket
  std::uint64_t quota_bytes = kNoLimit;        // the mailbox takes nothing beyond
  std::uint64_t message_bytes_max = kNoLimit;  // one message for it
  // Of kExternal: where its mail goes. Of kMailbox: where it is forwarded to; empty: nowhere.
  std::string target = {};
  bool keep_copy = true;    // of a mailbox that is forwarded: it gets the message too
  bool restricted = false;  // a group not everybody may write to: may_post()

  // Mail for it ends in one mailbox of ours, and nothing else is done.
  bool is_plain_mailbox() const { return kind == Kind::kMailbox && target.empty(); }
  // Mail for it leaves as it is.
  bool leaves() const { return kind == Kind::kForeign || kind == Kind::kRelay; }
};

// What a user may do who sends.
struct SenderRules {
  std::string socket;  // of the database that the user's mailbox is in; empty: it has none
  std::uint64_t prohibit_send_bytes = kNoLimit;  // nothing while the mailbox holds that much
  std::uint64_t message_bytes_max = kNoLimit;
};

// As whom a user may send.
enum class SendRight : std::uint8_t {
  kNo,
  kOwn,       // the address is the user's
  kAs,        // granted: nobody sees the difference
  kOnBehalf,  // granted: From may be the address, Sender names the user (RFC 5322 section 3.6.2)
};

// What a group's mail looks like to others.
struct GroupRules {
  enum class Reports : std::uint8_t {
    kSender,  // the reverse-path stays: a group is an alias (RFC 5321 section 3.9.1)
    kOwner,   // it becomes the owner's: a group is a list (section 3.9.2)
    kNobody,  // it becomes the null one
  };
  Reports reports = Reports::kSender;
  std::string owner;  // its address; empty: none
};

// Some members of a group, in a fixed order.
struct MemberPage {
  struct Member {
    std::string address;
    Resolved resolved;
  };
  std::vector<Member> members;
  std::string next;  // where the next page begins; empty: there is none
};

// Called from the io thread; each call is a memory read and must not block.
class Directory {
 public:
  virtual ~Directory() = default;

  // `address` is local@domain as the client spelt it, local part unquoted.
  virtual Resolved resolve(std::string_view address) const = 0;
  virtual Result<bool> is_accepted_domain(std::string_view domain) const = 0;
  // True when `address` is the primary address or an alias of the mailbox, or the one with a detail
  // behind a plus.
  virtual Result<bool> owns_address(const Guid& mailbox, std::string_view address) const = 0;
  virtual Result<SenderRules> sender_rules(const Guid&) const { return SenderRules{}; }

  // As what `user` (a mailbox or mail user) may send under `address`, in MAIL, From or Sender.
  virtual Result<SendRight> may_send(const Guid& user, std::string_view address) const {
    TRY_ASSIGN(const bool own, owns_address(user, address));
    return own ? SendRight::kOwn : SendRight::kNo;
  }
  // Whether a restricted group takes mail from `user` (nil: did not authenticate). kNotFound.
  virtual Result<bool> may_post(const Guid&, const Guid&) const { return true; }
  virtual Result<GroupRules> group_rules(const Guid&) const { return GroupRules{}; }
  // At most `limit` members, from where the page before said; empty: from the first. A group that
  // is a member stands there itself. kNotFound.
  virtual Result<MemberPage> members(const Guid&, std::string_view, std::size_t) const {
    return MemberPage{};
  }
  // The domain whose name a reverse-path takes that is rewritten (SRS) when mail for `address`
  // goes on; empty: it is not rewritten.
  virtual std::string forwarding_domain(std::string_view) const { return {}; }
  // Lower case, A-labels, no dot at the end: what domains compare by. A name that is none, or an
  // address literal, in lower case.
  virtual std::string canonical_domain(std::string_view domain) const { return ascii_lower(domain); }
  // Grows with every change.
  virtual Result<std::uint64_t> version() const { return 0; }
};

}  // namespace hauspost::transport
