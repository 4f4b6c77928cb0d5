#include "protocols/imap/sharing.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "protocols/imap/session_core.h"

namespace hauspost::imap {
namespace {

constexpr std::pair<char, store::RightBits> kLetters[] = {
    {'l', store::kMayLookUp},
    {'r', store::kMayRead},
    {'s', store::kMayKeepSeen},
    {'w', store::kMayWrite},
    {'i', store::kMayInsert},
    {'p', store::kMayPost},
    {'k', store::kMayCreate},
    {'x', store::kMayDeleteFolder},
    {'t', store::kMayDeleteMessages},
    {'e', store::kMayExpunge},
    // RFC 4314 section 2.1.1: what older clients know.
    {'c', store::kMayCreate | store::kMayDeleteFolder},
    {'d', store::kMayDeleteMessages | store::kMayExpunge},
    {'a', store::kMayAdminister},
};

std::string_view domain_of(std::string_view address) {
  return address.substr(std::min(address.size(), address.rfind('@') + 1));
}

// A level of a path: the local part for one's own domain, else the address.
std::string level_for(std::string_view address, std::string_view own_address) {
  std::string level(iequals(domain_of(address), domain_of(own_address))
                        ? address.substr(0, address.rfind('@'))
                        : address);
  std::ranges::replace(level, store::kHierarchySeparator, '|');
  return level;
}

struct SharedMailbox {
  store::MailboxId id;
  Guid guid;
  std::string level;
};

std::vector<SharedMailbox> shared_mailboxes(const Session& session,
                                            const store::Snapshot& snapshot) {
  std::vector<SharedMailbox> found;
  if (!has_shared(session)) return found;
  const People& people = *session.services().people;
  const auto add = [&](const store::Mailbox& mailbox, const Person& person) {
    if (mailbox.id == session.mailbox() || !people.may_be_read(mailbox.guid) ||
        std::ranges::find(found, mailbox.id, &SharedMailbox::id) != found.end())
      return;
    found.push_back({mailbox.id, mailbox.guid, level_for(person.address, session.user())});
  };
  for (const Person& person : people.full_access_of(session.identity())) {
    if (const auto mailbox = snapshot.mailbox(person.mailbox)) add(*mailbox, person);
  }
  for (const store::MailboxId id : snapshot.granted_to(session.identity())) {
    const auto mailbox = snapshot.mailbox(id);
    const auto person = mailbox ? people.person(mailbox->guid) : std::nullopt;
    if (person) add(*mailbox, *person);
  }
  std::ranges::sort(found, {}, &SharedMailbox::level);
  return found;
}

// True when the path begins with "Shared" and the user has no folder of that name.
bool leads_to_shared(const Session& session, const store::Snapshot& snapshot,
                     std::string_view path) {
  const bool root =
      path.starts_with(kSharedRoot) &&
      (path.size() == kSharedRoot.size() || path[kSharedRoot.size()] == store::kHierarchySeparator);
  return root && has_shared(session) && !snapshot.find_folder(session.mailbox(), kSharedRoot);
}

std::optional<Place> shared_place(const Session& session, const store::Snapshot& snapshot,
                                  std::string_view path) {
  if (path.size() <= kSharedRoot.size() + 1) return std::nullopt;
  path.remove_prefix(kSharedRoot.size() + 1);
  const std::size_t end = path.find(store::kHierarchySeparator);
  if (end == std::string_view::npos) return std::nullopt;
  for (const SharedMailbox& mailbox : shared_mailboxes(session, snapshot)) {
    if (mailbox.level == path.substr(0, end))
      return Place{mailbox.id, std::string(path.substr(end + 1)), false};
  }
  return std::nullopt;
}

store::RightBits rights_in(const Session& session, const store::Snapshot& snapshot,
                           const store::Folder& folder, bool master) {
  if (master) return store::kAllRights;
  return snapshot.rights_of(folder.id, session.identity());
}

bool master_in(const Session& session, const store::Snapshot& snapshot, store::MailboxId mailbox) {
  const bool own = mailbox == session.mailbox();
  // Who works in a mailbox that is not theirs must still be let: grants are taken away meanwhile.
  if (own && session.works_in_own()) return true;
  const People* const people = session.services().people;
  const auto owner = snapshot.mailbox(mailbox);
  return people != nullptr && owner && people->has_full_access(session.identity(), owner->guid);
}

// As others see it: what it is for its owner would only lead their clients astray. Shared folders
// are there for whoever was given them, so they count as subscribed.
void show_as_shared(store::Folder& folder, const std::string& path) {
  folder.path = path;
  folder.special_use = store::SpecialUse::kNone;
  folder.subscribed = true;
}

store::Folder name_above(std::string path) {
  store::Folder folder;
  folder.path = std::move(path);
  folder.has_children = true;
  return folder;
}

// Puts the names above each folder that have none of their own, and says who has children that this
// user sees.
std::vector<store::Folder> with_names_above(std::vector<store::Folder> folders) {
  std::set<std::string> there;
  std::set<std::string> parents;
  std::vector<store::Folder> whole;
  for (const store::Folder& folder : folders) {
    there.insert(folder.path);
    for (std::size_t at = folder.path.rfind('/'); at != std::string::npos && at > 0;
         at = folder.path.rfind('/', at - 1)) {
      if (!parents.insert(folder.path.substr(0, at)).second) break;  // so are those above it
    }
  }
  for (store::Folder& folder : folders) {
    for (std::size_t at = folder.path.find('/'); at != std::string::npos;
         at = folder.path.find('/', at + 1)) {
      if (there.insert(folder.path.substr(0, at)).second)
        whole.push_back(name_above(folder.path.substr(0, at)));
    }
    folder.has_children = parents.contains(folder.path);
    whole.push_back(std::move(folder));
  }
  return whole;
}

}  // namespace

bool has_shared(const Session& session) {
  return session.services().people != nullptr && session.works_in_own();
}

std::optional<Place> place_of(const Session& session, const std::string& path) {
  const store::Snapshot snapshot = session.snapshot();
  if (!leads_to_shared(session, snapshot, path)) return Place{session.mailbox(), path, true};
  return shared_place(session, snapshot, path);
}

std::optional<store::Folder> find_visible(const Session& session, const std::string& path) {
  const store::Snapshot snapshot = session.snapshot();
  if (!leads_to_shared(session, snapshot, path)) {
    auto own = snapshot.find_folder(session.mailbox(), path);
    if (own && !session.works_in_own() &&
        rights_in(session, snapshot, *own, master_in(session, snapshot, session.mailbox())) == 0)
      return std::nullopt;
    return own;
  }
  const auto place = shared_place(session, snapshot, path);
  if (!place) return std::nullopt;
  auto folder = snapshot.find_folder(place->mailbox, place->path);
  if (!folder) return std::nullopt;
  if (rights_in(session, snapshot, *folder, master_in(session, snapshot, place->mailbox)) == 0)
    return std::nullopt;
  show_as_shared(*folder, path);
  return folder;
}

std::vector<store::Folder> own_folders(const Session& session) {
  const store::Snapshot snapshot = session.snapshot();
  std::vector<store::Folder> folders = snapshot.folders(session.mailbox());
  if (session.works_in_own()) return folders;
  const bool master = master_in(session, snapshot, session.mailbox());
  std::erase_if(folders, [&](const store::Folder& folder) {
    return (rights_in(session, snapshot, folder, master) & store::kMayLookUp) == 0;
  });
  return folders;
}

std::optional<store::Folder> visible_folder(const Session& session, store::FolderId id,
                                            store::RightBits needed) {
  const store::Snapshot snapshot = session.snapshot();
  auto folder = snapshot.folder(id);
  if (!folder || folder->special_use == store::SpecialUse::kRecoverable) return std::nullopt;
  if (folder->mailbox == session.mailbox() && session.works_in_own()) return folder;
  const bool master = master_in(session, snapshot, folder->mailbox);
  if ((rights_in(session, snapshot, *folder, master) & needed) != needed) return std::nullopt;
  if (folder->mailbox == session.mailbox()) return folder;
  if (!leads_to_shared(session, snapshot, kSharedRoot)) return std::nullopt;
  const auto mailboxes = shared_mailboxes(session, snapshot);
  const auto mailbox = std::ranges::find(mailboxes, folder->mailbox, &SharedMailbox::id);
  if (mailbox == mailboxes.end()) return std::nullopt;
  show_as_shared(*folder, std::string(kSharedRoot) + "/" + mailbox->level + "/" + folder->path);
  return folder;
}

std::vector<store::Folder> visible_folders(const Session& session) {
  const store::Snapshot snapshot = session.snapshot();
  std::vector<store::Folder> folders = own_folders(session);
  if (!leads_to_shared(session, snapshot, kSharedRoot)) return folders;
  std::vector<store::Folder> shared;
  for (const SharedMailbox& mailbox : shared_mailboxes(session, snapshot)) {
    const bool master = master_in(session, snapshot, mailbox.id);
    for (store::Folder& folder : snapshot.folders(mailbox.id)) {
      if ((rights_in(session, snapshot, folder, master) & store::kMayLookUp) == 0) continue;
      show_as_shared(folder, std::string(kSharedRoot) + "/" + mailbox.level + "/" + folder.path);
      shared.push_back(std::move(folder));
    }
  }
  for (store::Folder& folder : with_names_above(std::move(shared)))
    folders.push_back(std::move(folder));
  return folders;
}

store::RightBits rights_on(const Session& session, const store::Folder& folder) {
  if (folder.mailbox == session.mailbox() && session.works_in_own()) return store::kAllRights;
  const store::Snapshot snapshot = session.snapshot();
  const People* const people = session.services().people;
  const auto owner = snapshot.mailbox(folder.mailbox);
  if (people != nullptr && owner && !people->may_be_read(owner->guid)) return 0;
  return rights_in(session, snapshot, folder, master_in(session, snapshot, folder.mailbox));
}

bool is_master(const Session& session, store::MailboxId mailbox) {
  return master_in(session, session.snapshot(), mailbox);
}

std::optional<Reply> refusal(store::RightBits rights, store::RightBits needed) {
  if ((rights & needed) == needed) return std::nullopt;
  // RFC 4314 section 6: nobody learns of a mailbox by being refused it.
  if ((rights & store::kMayLookUp) == 0) return no("NONEXISTENT", "No such mailbox");
  return no("NOPERM", "Permission denied");
}

std::optional<Reply> refusal(const Session& session, const store::Folder& folder,
                             store::RightBits needed) {
  return refusal(rights_on(session, folder), needed);
}

std::optional<Reply> insertion_refusal(store::RightBits rights) {
  if ((rights & (store::kMayInsert | store::kMayLookUp)) == 0)
    return no("TRYCREATE", "No such mailbox");
  return refusal(rights, store::kMayInsert);
}

std::optional<Reply> creation_refusal(const Session& session, const Place& place) {
  if (is_master(session, place.mailbox)) return std::nullopt;
  const store::Snapshot snapshot = session.snapshot();
  for (std::size_t at = place.path.rfind('/'); at != std::string::npos && at > 0;
       at = place.path.rfind('/', at - 1)) {
    const auto above = snapshot.find_folder(place.mailbox, place.path.substr(0, at));
    if (!above) continue;
    if ((rights_on(session, *above) & store::kMayCreate) != 0) return std::nullopt;
    break;
  }
  // The same whether the folder above may not be seen or is not there.
  return no("NOPERM", "Permission denied");
}

store::FlagBits changeable(store::RightBits rights) {
  store::FlagBits flags = 0;
  if ((rights & store::kMayKeepSeen) != 0) flags |= store::kSeen;
  if ((rights & store::kMayDeleteMessages) != 0) flags |= store::kDeleted;
  if ((rights & store::kMayWrite) != 0) flags |= ~(store::kSeen | store::kDeleted);
  return flags;
}

std::string rights_text(store::RightBits rights) {
  std::string text;
  for (const auto& [letter, bits] : kLetters) {
    if ((rights & bits) != 0) text += letter;
  }
  return text;
}

std::optional<store::RightBits> parse_rights(std::string_view text) {
  store::RightBits rights = 0;
  for (const char c : text) {
    const auto* const found =
        std::ranges::find(kLetters, c, &std::pair<char, store::RightBits>::first);
    if (found == std::end(kLetters)) return std::nullopt;
    rights |= found->second;
  }
  return rights;
}

}  // namespace hauspost::imap
