// DirectoryPeople: whose mailboxes lie in this worker's database, for IMAP's "Shared/" and rights.
#pragma once

#include "protocols/imap/sharing.h"
#include "server/directory/directory.h"

namespace hauspost::store_worker {

// The directory outlives it. What cannot be read is logged and counts as nobody.
class DirectoryPeople final : public imap::People {
 public:
  DirectoryPeople(const directory::DirectoryReader& directory, std::string database)
      : directory_(directory), database_(std::move(database)) {}

  std::optional<imap::Person> named(std::string_view address) const override;
  std::optional<imap::Person> person(const Guid& mailbox) const override;
  std::vector<imap::Person> full_access_of(const Guid& user) const override;
  bool has_full_access(const Guid& user, const Guid& mailbox) const override;
  bool may_be_read(const Guid& mailbox) const override;

 private:
  std::optional<imap::Person> here(
      const Result<std::optional<directory::MailboxEntry>>& found) const;

  const directory::DirectoryReader& directory_;
  std::string database_;
};

}  // namespace hauspost::store_worker
