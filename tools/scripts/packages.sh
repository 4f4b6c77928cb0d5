# Debian packages that building, running and testing need, and the one function that installs them.
# Sourced by tools/quickstart and tools/test; third_party/README.md says why each is here.

BUILD_PACKAGES=(
  clang-19 lld-19 libclang-rt-19-dev cmake ninja-build ccache
  android-libboringssl-dev libasio-dev liblmdb-dev libfmt-dev libspdlog-dev
  libprotobuf-dev protobuf-compiler libcli11-dev libtomlplusplus-dev libsodium-dev libseccomp-dev libicu-dev zlib1g-dev libarchive-dev
  libboost-dev libqrencode-dev nlohmann-json3-dev libldap-dev libpam0g-dev libcurl4-gnutls-dev libc-ares-dev libpsl-dev pkg-config python3
)
TEST_PACKAGES=(catch2 swaks libnet-ssleay-perl isync libsasl2-modules curl fetchmail getmail6 offlineimap3 mutt openssl ca-certificates
  slapd ldap-utils groff-base python3-dnspython python3-dkim python3-spf python3-yaml python3-authres pebble opendkim opendkim-tools spamass-milter spamd)
# For tools/package, and for its test in a clean root.
PACKAGE_PACKAGES=(debhelper dpkg-dev lintian)
PACKAGE_TEST_PACKAGES=(debootstrap iproute2)
# Wanted by the tests of mail that leaves, which are skipped without it: never put in the place of
# the mail server that a machine has.
MAIL_SERVER_PACKAGE=postfix

say() { printf '==> %s\n' "$*"; }

# fail STEP CAUSE NEXT: one line that names the step, the cause and what to do; ends the script.
fail() {
  printf '%s: step "%s" failed: %s. What to do: %s\n' "${0##*/}" "$1" "$2" "$3" >&2
  exit 1
}

missing_packages() {
  local name
  for name in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
  done
}

# ensure_packages NAME...: installs those that are missing; asks for nothing when all are there.
ensure_packages() {
  command -v dpkg-query >/dev/null ||
    fail packages "this is not a Debian system (no dpkg-query)" \
      "install the libraries of third_party/README.md by hand and build with cmake --preset release"
  local missing=() as_root=()
  mapfile -t missing < <(missing_packages "$@")
  if [ ${#missing[@]} -eq 0 ]; then
    say "packages: all $# are installed"
    return
  fi
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
      fail packages "not root, no sudo, and missing: ${missing[*]}" \
        "as root run: apt-get install --no-install-recommends ${missing[*]}"
    as_root=(sudo)
  fi
  say "packages: installing ${missing[*]}"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update ||
    fail packages "apt-get update ended with status $?" "check the network and /etc/apt/sources.list"
  # Servers among them are for the tests, which start their own: RUNLEVEL=1 keeps init scripts from it.
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get install --yes --no-install-recommends "${missing[@]}" ||
    fail packages "apt-get install ended with status $?" "read apt's message above; Debian 12 has all of them"
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -eq 0 ] ||
    fail packages "apt-get succeeded but these are not installed: ${missing[*]}" "install them by hand"
}

# ensure_mail_server: installs MAIL_SERVER_PACKAGE without any settings, so that it serves nobody,
# where no other mail server would have to go for it.
ensure_mail_server() {
  local missing other
  mapfile -t missing < <(missing_packages "$MAIL_SERVER_PACKAGE")
  [ ${#missing[@]} -ne 0 ] || return 0
  other=$(dpkg-query -W -f '${Package} ${Provides} ${db:Status-Status}\n' 2>/dev/null |
    awk '/ installed$/ && /mail-transport-agent/ { print $1; exit }')
  if [ -n "$other" ]; then
    say "packages: $other is this machine's mail server, so $MAIL_SERVER_PACKAGE is not installed; its tests are skipped"
    return
  fi
  local as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  echo "$MAIL_SERVER_PACKAGE $MAIL_SERVER_PACKAGE/main_mailer_type select No configuration" |
    "${as_root[@]}" debconf-set-selections
  ensure_packages "$MAIL_SERVER_PACKAGE"
}
