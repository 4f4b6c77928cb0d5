#include "server/directory/data.h"
#include "server/directory/recipients.pb.h"

namespace hauspost::directory {

namespace {

std::unexpected<Error> damaged() {
  return fail(ErrorCode::kCorrupt, "directory: an entry of recipients does not parse");
}

// The enumerators stand in the same order, after the wire's zero.
template <class Wire, class Ours>
Wire one_up(Ours value) {
  return static_cast<Wire>(static_cast<int>(value) + 1);
}

}  // namespace

std::string to_stored(const RecipientEntry& entry) {
  stored::Recipient message;
  message.set_guid(std::string(entry.guid.as_bytes()));
  message.set_kind(one_up<stored::Recipient::Kind>(entry.kind));
  message.set_address(entry.address);
  for (const std::string& alias : entry.aliases) message.add_aliases(alias);
  message.set_display_name(entry.display_name);
  message.set_created_s(entry.created_s);
  message.set_target(entry.target);
  message.set_owner(entry.owner);
  message.set_reports(one_up<stored::Recipient::Reports>(entry.reports));
  message.set_anyone(entry.anyone);
  message.set_members_only(entry.members_only);
  for (const Guid& guid : entry.allowed) message.add_allowed(std::string(guid.as_bytes()));
  return message.SerializeAsString();
}

Result<RecipientEntry> recipient_from_stored(std::string_view bytes) {
  stored::Recipient message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return damaged();
  const auto guid = Guid::from_bytes(message.guid());
  if (!guid) return damaged();
  const int kind = message.kind();
  const int reports = message.reports();
  if (kind < stored::Recipient::KIND_CONTACT || kind > stored::Recipient::KIND_GROUP ||
      reports < stored::Recipient::REPORTS_SENDER || reports > stored::Recipient::REPORTS_NOBODY)
    return damaged();
  RecipientEntry entry{.guid = *guid,
                       .kind = static_cast<RecipientKind>(kind - 1),
                       .address = message.address(),
                       .aliases = {message.aliases().begin(), message.aliases().end()},
                       .display_name = message.display_name(),
                       .created_s = message.created_s(),
                       .target = message.target(),
                       .owner = message.owner(),
                       .reports = static_cast<GroupReports>(reports - 1),
                       .anyone = message.anyone(),
                       .members_only = message.members_only()};
  for (const std::string& one : message.allowed()) {
    const auto allowed = Guid::from_bytes(one);
    if (!allowed) return damaged();
    entry.allowed.push_back(*allowed);
  }
  return entry;
}

}  // namespace hauspost::directory
