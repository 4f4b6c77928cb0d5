// Server backups: what is not in any database's backup, copied while the server runs. Domains,
// recipients and settings (the directory), password verifiers, secrets, certificates, mail in
// quarantine, audit log. Not in it: mail (a database's backup has it), the queue, logs.
//
//   TARGET/server-20261122T113800Z/     a whole backup; one with "~" behind its name never became
//   one
//     server-backup.json                what it holds, with the size and SHA-256 of each file
//     settings.toml                     hauspost.toml, wherever it stands
//     root/...                          the data root's files under their own names
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace hauspost::supervisor {

struct ServerBackup {
  struct File {
    std::string name;  // below the backup's folder, for example "root/directory.mdb"
    std::uint64_t bytes = 0;
    std::string sha256;  // hexadecimal
  };
  std::string folder;
  std::int64_t created_s = 0;
  std::string data_root;  // it was made of
  std::string hostname;
  std::vector<File> files;             // in order of their names
  std::vector<std::string> elsewhere;  // files that settings name outside of the data root
};

struct ServerBackupSources {
  std::string data_root;
  std::string settings_file;
  std::string hostname;
  std::vector<std::string> elsewhere;
  // Writes a copy of the directory, or of the verifiers, into a new file.
  std::function<Result<>(int descriptor)> copy_directory;
  std::string verifiers;  // a copy that was made for us
};

// Makes a new backup below `target`, which is made when it is not there; durable and whole, or
// nothing of it. `keep`: removes all but so many of the newest whole ones afterwards; 0: none.
// Blocks. Texts name the file that could not be read or written.
Result<ServerBackup> back_up_server(const ServerBackupSources& sources, const std::string& target,
                                    std::uint32_t keep, std::int64_t now_s);

// Reads its list and every byte. kNotFound: no backup there; kCorrupt: names the file.
Result<ServerBackup> verify_server_backup(const std::string& folder);

// Makes `data_root`, which must not exist or be empty, and `settings_file`, which must not exist,
// of a verified backup: whole, or not at all. Databases' folders are not in it. Blocks.
Result<> restore_server(const ServerBackup& backup, const std::string& data_root,
                        const std::string& settings_file);

}  // namespace hauspost::supervisor
