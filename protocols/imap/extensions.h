// What the server offers besides IMAP4rev1: the names in CAPABILITY, which of them rest on which,
// and which of them a command uses. An administrator may switch each off for a mailbox, and it is
// withdrawn from devices that prove unable to use it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/imap/command.h"

namespace hauspost::imap {

enum class Extension : std::uint8_t {
  kRev2,
  kLiteralPlus,
  kLiteralMinus,  // offered only where LITERAL+ is not: it allows less
  kSaslIr,
  kId,
  kEnable,
  kIdle,
  kNamespace,
  kUidPlus,
  kUnselect,
  kMove,
  kChildren,
  kSpecialUse,
  kCreateSpecialUse,
  kListExtended,
  kListStatus,
  kStatusSize,
  kEsearch,
  kSearchRes,
  kWithin,
  kPartial,
  kSort,
  kSortDisplay,
  kEsort,
  kThreadSubject,
  kThreadReferences,
  kCondstore,
  kQresync,
  kBinary,
  kMultiAppend,
  kCatenate,
  kReplace,
  kObjectId,
  kSaveDate,
  kPreview,
  kUtf8,
  kUidOnly,
  kInProgress,
  kCompress,
  kQuota,
  kQuotaStorage,
  kAppendLimit,
  kMetadata,
  kListMetadata,
  kNotify,
  kMultiSearch,
  kAcl,
  kAclRights,  // of RFC 4314, which RFC 2086 did not have
  kListMyRights,
  kMessageLimit,
  // More of them go above this line, and as a row into the table of extensions.cc.
  kCount,
};

// A set of extensions.
class Extensions {
 public:
  constexpr Extensions() = default;
  constexpr Extensions(std::initializer_list<Extension> list) {
    for (const Extension extension : list) add(extension);
  }
  constexpr void add(Extension extension) { bits_ |= bit(extension); }
  constexpr void add(Extensions others) { bits_ |= others.bits_; }
  constexpr bool has(Extension extension) const { return (bits_ & bit(extension)) != 0; }
  constexpr bool has_any(Extensions others) const { return (bits_ & others.bits_) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr bool operator==(const Extensions&) const = default;

 private:
  static constexpr std::uint64_t bit(Extension extension) {
    return std::uint64_t{1} << static_cast<unsigned>(extension);
  }
  static_assert(static_cast<unsigned>(Extension::kCount) <= 64);
  std::uint64_t bits_ = 0;
};

// As CAPABILITY spells it, without the value behind "=" where that is a number.
std::string_view name_of(Extension extension);
// In any case; nullopt: no such extension, or one that is over when a mailbox is known (SASL-IR).
std::optional<Extension> extension_named(std::string_view name);
// `off` with everything that cannot be had without it, such as QRESYNC without CONDSTORE.
Extensions with_dependents(Extensions off);
// "QRESYNC UIDONLY", in the order of CAPABILITY.
std::string names_of(Extensions extensions);

// The extension that a command as such belongs to; nullopt: IMAP4rev1's own. `uid`: with the UID
// prefix.
std::optional<Extension> extension_of(CommandName name, bool uid);
// Every extension whose syntax the command uses, that of the command itself too.
Extensions used_by(const Command& command);

}  // namespace hauspost::imap
