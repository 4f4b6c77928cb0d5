// Sharing: mailboxes of others below "Shared/", and what a session may do where (RFC 4314). A user
// sees there who granted them a right on a folder, and every mailbox they have full access to.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "protocols/imap/reply.h"
#include "store/snapshot.h"

namespace hauspost::imap {

class Session;

inline constexpr std::string_view kSharedRoot = "Shared";

struct Person {
  Guid mailbox;
  std::string address;  // primary
};

// What the directory knows, as of now; of this database alone. Any call may find nothing when the
// directory cannot be read.
class People {
 public:
  virtual ~People() = default;
  virtual std::optional<Person> named(std::string_view address) const = 0;
  virtual std::optional<Person> person(const Guid& mailbox) const = 0;
  virtual std::vector<Person> full_access_of(const Guid& user) const = 0;
  virtual bool has_full_access(const Guid& user, const Guid& mailbox) const = 0;
  // False: nobody reads that mailbox over IMAP, whatever they were granted on it.
  virtual bool may_be_read(const Guid& /*mailbox*/) const { return true; }
};

// "Shared/" is there: the user has people around and works in the own mailbox.
bool has_shared(const Session& session);

// The folder at that path as this client sees it: its path, and nothing of the owner's uses of it.
// Whatever rights there are on it, but not without any.
std::optional<store::Folder> find_visible(const Session& session, const std::string& path);
// Those of the mailbox that the user works in, as far as they may be looked up.
std::vector<store::Folder> own_folders(const Session& session);
// The folder as LIST shows it, but for what is below it; nullopt: without those rights on it.
std::optional<store::Folder> visible_folder(const Session& session, store::FolderId id,
                                            store::RightBits needed = store::kMayLookUp);
// All that LIST may show, sorted, own first. Id 0: no folder, a name above others.
std::vector<store::Folder> visible_folders(const Session& session);

// Where a path leads, whether there is a folder or not.
struct Place {
  store::MailboxId mailbox;
  std::string path;  // within it
  bool own = false;
};
// nullopt: below "Shared/", but in no mailbox that the user sees, or that mailbox itself.
std::optional<Place> place_of(const Session& session, const std::string& path);

store::RightBits rights_on(const Session& session, const store::Folder& folder);
// Whether the user may do there as the owner does, all folders included.
bool is_master(const Session& session, store::MailboxId mailbox);
// What to answer when one of `needed` is wanting: that it is not there, to whom it is not shown.
std::optional<Reply> refusal(store::RightBits rights, store::RightBits needed);
std::optional<Reply> refusal(const Session& session, const store::Folder& folder,
                             store::RightBits needed);
// What to answer when nothing may be put there: as of a folder that is not there, to whom it is not
// shown.
std::optional<Reply> insertion_refusal(store::RightBits rights);
// What to answer when no folder may be made at that path; needs k on the folder above.
std::optional<Reply> creation_refusal(const Session& session, const Place& place);

// Flags that may be changed with these rights.
store::FlagBits changeable(store::RightBits rights);
// Rights that change what is in a folder: without any it is read-only.
inline constexpr store::RightBits kChanging = store::kMayInsert | store::kMayKeepSeen |
                                              store::kMayWrite | store::kMayDeleteMessages |
                                              store::kMayExpunge;

// "lrs", with RFC 2086's "c" and "d" where what they stood for is there; nullopt: another letter.
std::string rights_text(store::RightBits rights);
std::optional<store::RightBits> parse_rights(std::string_view text);

}  // namespace hauspost::imap
