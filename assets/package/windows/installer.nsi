; The installer for one user, without administrator rights. Made by makensis with
; STAGE, OUTFILE, UPSTREAM and BASE defined; /S installs and removes in silence, and
; keeps settings and history.
Unicode true
; A 64-bit Windows, or wine, need not run 32-bit programs.
Target amd64-unicode
ManifestDPIAware true
RequestExecutionLevel user
; Both programs have the same code: a dictionary larger than one packs it once.
SetCompressor /SOLID lzma
SetCompressorDictSize 64
!include MUI2.nsh
!include LogicLib.nsh

!define KEY "Software\Microsoft\Windows\CurrentVersion\Uninstall\Carpool"
Name "Carpool"
OutFile "${OUTFILE}"
InstallDir "$LOCALAPPDATA\Programs\Carpool"
InstallDirRegKey HKCU "${KEY}" "InstallLocation"
VIProductVersion "${BASE}.0"
VIAddVersionKey "ProductName" "Carpool"
VIAddVersionKey "FileDescription" "Carpool installer"
VIAddVersionKey "FileVersion" "${UPSTREAM}"
VIAddVersionKey "ProductVersion" "${UPSTREAM}"
VIAddVersionKey "LegalCopyright" "The Carpool authors, Apache License 2.0"
!define MUI_ICON "${STAGE}/carpool.ico"
!define MUI_UNICON "${STAGE}/carpool.ico"
!define MUI_FINISHPAGE_RUN "$INSTDIR\carpoolw.exe"
!define MUI_FINISHPAGE_RUN_TEXT "Open Carpool"

!insertmacro MUI_PAGE_LICENSE "${STAGE}/LICENSE.txt"
!insertmacro MUI_PAGE_COMPONENTS
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"
!insertmacro MUI_LANGUAGE "German"
!insertmacro MUI_LANGUAGE "Spanish"
!insertmacro MUI_LANGUAGE "SimpChinese"

; A program that runs cannot be written over or deleted. It ends once its requests
; have, at the latest after gateway.drain_timeout_s, which is 30 s if not set.
!macro EndRunning
  ${If} ${FileExists} "$INSTDIR\carpool.exe"
    nsExec::Exec '"$INSTDIR\carpool.exe" quit'
    Pop $2
    ${For} $1 1 40
      ClearErrors
      FileOpen $2 "$INSTDIR\carpool.exe" a
      ${IfNot} ${Errors}
        FileClose $2
        FileOpen $2 "$INSTDIR\carpoolw.exe" a
        ${IfNot} ${Errors}
          FileClose $2
          ${ExitFor}
        ${EndIf}
      ${EndIf}
      Sleep 1000
    ${Next}
  ${EndIf}
!macroend

Section "Carpool" main
  SectionIn RO
  !insertmacro EndRunning
  SetOutPath "$INSTDIR"
  File "${STAGE}/carpool.exe"
  File "${STAGE}/carpoolw.exe"
  File "${STAGE}/LICENSE.txt"
  File "${STAGE}/third-party-licenses.txt"
  WriteUninstaller "$INSTDIR\uninstall.exe"
  CreateShortcut "$SMPROGRAMS\Carpool.lnk" "$INSTDIR\carpoolw.exe"
  WriteRegStr HKCU "${KEY}" "DisplayName" "Carpool"
  WriteRegStr HKCU "${KEY}" "DisplayVersion" "${UPSTREAM}"
  WriteRegStr HKCU "${KEY}" "DisplayIcon" "$INSTDIR\carpoolw.exe"
  WriteRegStr HKCU "${KEY}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKCU "${KEY}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKCU "${KEY}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKCU "${KEY}" "NoModify" 1
  WriteRegDWORD HKCU "${KEY}" "NoRepair" 1
SectionEnd

; The same entry as "carpool autostart on", which can take it away again.
Section /o "Start at login" login
  nsExec::Exec '"$INSTDIR\carpool.exe" autostart on'
  Pop $2
SectionEnd

Section "Uninstall"
  !insertmacro EndRunning
  StrCpy $0 "--keep"
  MessageBox MB_YESNO|MB_ICONQUESTION|MB_DEFBUTTON2 "Delete your settings and history, too?" /SD IDNO IDNO +2
    StrCpy $0 "--yes"
  nsExec::Exec '"$INSTDIR\carpool.exe" uninstall $0'
  Pop $2
  Delete "$INSTDIR\carpool.exe"
  Delete "$INSTDIR\carpoolw.exe"
  Delete "$INSTDIR\LICENSE.txt"
  Delete "$INSTDIR\third-party-licenses.txt"
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
  Delete "$SMPROGRAMS\Carpool.lnk"
  DeleteRegKey HKCU "${KEY}"
SectionEnd
