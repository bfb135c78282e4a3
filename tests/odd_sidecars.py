"""Sidecars in the forms in which programs write them, and in odd ones that XMP allows."""

from __future__ import annotations

from codecs import BOM_UTF8

_DC = "http://purl.org/dc/elements/1.1/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

LIGHTROOM = """\
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 7.0-c000        ">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
    xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"
   xmp:Rating="3"
   xmp:CreateDate="2019-07-04T18:22:31"
   crs:Version="15.0"
   crs:Exposure2012="+0.35">
   <dc:subject>
    <rdf:Bag>
     <rdf:li>Norway</rdf:li>
     <rdf:li>fjord</rdf:li>
    </rdf:Bag>
   </dc:subject>
   <dc:title>
    <rdf:Alt>
     <rdf:li xml:lang="de-DE">Am Fjord</rdf:li>
     <rdf:li xml:lang="x-default">By the fjord</rdf:li>
    </rdf:Alt>
   </dc:title>
   <lr:hierarchicalSubject>
    <rdf:Bag>
     <rdf:li>Places|Norway</rdf:li>
     <rdf:li>fjord</rdf:li>
    </rdf:Bag>
   </lr:hierarchicalSubject>
   <crs:ToneCurvePV2012>
    <rdf:Seq>
     <rdf:li>0, 0</rdf:li>
     <rdf:li>255, 255</rdf:li>
    </rdf:Seq>
   </crs:ToneCurvePV2012>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""

LIGHTROOM_WITHOUT_KEYWORDS = """\
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 5.6-c140 79.160451">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"
    xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
    xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"
   xmpMM:DocumentID="xmp.did:0d4f"
   crs:WhiteBalance="As Shot">
   <xmpMM:History>
    <rdf:Seq>
     <rdf:li
      stEvt:action="saved"
      stEvt:changed="/metadata"/>
    </rdf:Seq>
   </xmpMM:History>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""

DIGIKAM = """\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:digiKam="http://www.digikam.org/ns/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
    xmlns:MicrosoftPhoto="http://ns.microsoft.com/photo/1.0/"
    xmlns:mediapro="http://ns.iview-multimedia.com/mediapro/1.0/"
    xmlns:acdsee="http://ns.acdsee.com/iptc/1.0/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
   digiKam:PickLabel="0"
   xmp:Rating="4"
   acdsee:categories="&lt;Category Assigned=&quot;1&quot;&gt;zoo&lt;/Category&gt;">
   <digiKam:TagsList>
    <rdf:Seq>
     <rdf:li>animals/elephant</rdf:li>
    </rdf:Seq>
   </digiKam:TagsList>
   <MicrosoftPhoto:LastKeywordXMP>
    <rdf:Bag>
     <rdf:li>animals/elephant</rdf:li>
    </rdf:Bag>
   </MicrosoftPhoto:LastKeywordXMP>
   <lr:hierarchicalSubject>
    <rdf:Bag>
     <rdf:li>animals|elephant</rdf:li>
    </rdf:Bag>
   </lr:hierarchicalSubject>
   <mediapro:CatalogSets>
    <rdf:Bag>
     <rdf:li>animals|elephant</rdf:li>
    </rdf:Bag>
   </mediapro:CatalogSets>
   <dc:subject>
    <rdf:Bag>
     <rdf:li>elephant</rdf:li>
    </rdf:Bag>
   </dc:subject>
   <dc:description>
    <rdf:Alt>
     <rdf:li xml:lang="x-default">At the zoo &amp; back</rdf:li>
    </rdf:Alt>
   </dc:description>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""

DARKTABLE = """\
<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:exif="http://ns.adobe.com/exif/1.0/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
    xmlns:darktable="http://darktable.sf.net/"
   exif:DateTimeOriginal="2021:05:09 11:02:15.000"
   xmp:Rating="1"
   darktable:xmp_version="5"
   darktable:history_end="1">
   <dc:subject>
    <rdf:Bag>
     <rdf:li>darktable|exported</rdf:li>
     <rdf:li>tree</rdf:li>
    </rdf:Bag>
   </dc:subject>
   <lr:hierarchicalSubject>
    <rdf:Bag>
     <rdf:li>plants|tree</rdf:li>
    </rdf:Bag>
   </lr:hierarchicalSubject>
   <darktable:history>
    <rdf:Seq>
     <rdf:li
      darktable:num="0"
      darktable:operation="rawprepare"
      darktable:params="00&lt;>/>00"
      darktable:multi_name=""/>
    </rdf:Seq>
   </darktable:history>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""

EXIFTOOL = """\
<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?>
<x:xmpmeta xmlns:x='adobe:ns:meta/' x:xmptk='Image::ExifTool 12.57'>
<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>

 <rdf:Description rdf:about=''
  xmlns:photoshop='http://ns.adobe.com/photoshop/1.0/'>
  <photoshop:DateCreated>2020-02-29T23:59:59+01:00</photoshop:DateCreated>
 </rdf:Description>

 <rdf:Description rdf:about=''
  xmlns:xmp='http://ns.adobe.com/xap/1.0/'>
  <xmp:Rating>5</xmp:Rating>
 </rdf:Description>

 <rdf:Description rdf:about=''
  xmlns:dc='http://purl.org/dc/elements/1.1/'>
  <dc:subject>
   <rdf:Bag>
    <rdf:li>na\u00efve caf\u00e9</rdf:li>
   </rdf:Bag>
  </dc:subject>
 </rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end='w'?>"""

EXIFTOOL_WITHOUT_SUBJECT = EXIFTOOL[
    : EXIFTOOL.index(" <rdf:Description rdf:about=''\n  xmlns:dc")
] + ("</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end='w'?>")

CAPTURE_ONE = """\
<?xml version="1.0" encoding="utf-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 5.1.2">
   <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
      <rdf:Description rdf:about=""
            xmlns:dc="http://purl.org/dc/elements/1.1/"
            xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
            xmlns:lightroom="http://ns.adobe.com/lightroom/1.0/"
            xmlns:xmp="http://ns.adobe.com/xap/1.0/">
         <dc:subject>
            <rdf:Bag>
               <rdf:li>studio</rdf:li>
            </rdf:Bag>
         </dc:subject>
         <lightroom:hierarchicalSubject>
            <rdf:Bag>
               <rdf:li>work|studio</rdf:li>
            </rdf:Bag>
         </lightroom:hierarchicalSubject>
         <photoshop:Urgency>0</photoshop:Urgency>
         <xmp:Rating>2</xmp:Rating>
      </rdf:Description>
   </rdf:RDF>
</x:xmpmeta>""".replace("\n", "\r\n")

PHOTO_MECHANIC = """\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP toolkit 2.9-9, framework 1.6">
<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns:iX='http://ns.adobe.com/iX/1.0/'>
\t<rdf:Description rdf:about='' xmlns:photomechanic='http://ns.camerabits.com/photomechanic/1.0/'>
\t\t<photomechanic:ColorClass>2</photomechanic:ColorClass>
\t\t<photomechanic:Tagged>True</photomechanic:Tagged>
\t</rdf:Description>
\t<rdf:Description rdf:about='' xmlns:dc='http://purl.org/dc/elements/1.1/'>
\t\t<dc:subject>
\t\t\t<rdf:Bag>
\t\t\t\t<rdf:li>match</rdf:li>
\t\t\t\t<rdf:li>first half</rdf:li>
\t\t\t</rdf:Bag>
\t\t</dc:subject>
\t</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""

BRIDGE_WITH_PADDING = LIGHTROOM_WITHOUT_KEYWORDS.join(
    (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n',
        (" " * 100 + "\n") * 20 + '<?xpacket end="w"?>',
    )
)


def _framed(inner: str, *, attributes: str = "", line: str = "\n") -> str:
    text = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
        f' <rdf:RDF xmlns:rdf="{_RDF}">\n'
        f'  <rdf:Description rdf:about="" xmlns:dc="{_DC}"{attributes}>\n'
        f"{inner}"
        "  </rdf:Description>\n"
        " </rdf:RDF>\n"
        "</x:xmpmeta>\n"
    )
    return text.replace("\n", line)


_OTHER_PREFIXES = f"""\
<m:xmpmeta xmlns:m="adobe:ns:meta/" xmlns:dc="urn:not-dublin-core">
  <r:RDF xmlns:r="{_RDF}" xmlns:foo="{_DC}">
    <r:Description r:about="">
      <foo:subject>
        <r:Bag>
          <r:li>old</r:li>
        </r:Bag>
      </foo:subject>
    </r:Description>
  </r:RDF>
</m:xmpmeta>
"""

_DEFAULT_NAMESPACE = f"""\
<RDF xmlns="{_RDF}" xmlns:rdf="{_RDF}">
  <Description rdf:about="">
    <dc:subject xmlns:dc="{_DC}"><Bag><li>old</li></Bag></dc:subject>
  </Description>
</RDF>
"""

_RATED = ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="-1"'

_ATTRIBUTES_ALONE = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="'
    f'{_RDF}"><rdf:Description rdf:about=""{_RATED} xmp:Label="/>" /></rdf:RDF></x:xmpmeta>'
)

_SEVERAL = f"""\
<rdf:RDF xmlns:rdf="{_RDF}">
 <rdf:Description rdf:about="" xmlns:a="urn:a"><a:one>1</a:one></rdf:Description>
 <rdf:Description rdf:about=""/>
 <rdf:Description rdf:about="" xmlns:dc="{_DC}">
  <dc:subject>
   <rdf:Bag>
    <rdf:li>third</rdf:li>
   </rdf:Bag>
  </dc:subject>
 </rdf:Description>
</rdf:RDF>
"""

_QUALIFIED = """\
   <dc:subject xml:lang="en">
    <rdf:Bag>
     <rdf:li xml:lang="en">plain</rdf:li>
     <rdf:li rdf:parseType="Resource">
      <rdf:value>qualified</rdf:value>
      <dc:source>somewhere</dc:source>
     </rdf:li>
     <rdf:li><rdf:Description><rdf:value>described</rdf:value><dc:source>x</dc:source></rdf:Description></rdf:li>
    </rdf:Bag>
   </dc:subject>
"""

_COMMENTED = """\
   <!-- <dc:subject><rdf:Bag><rdf:li>not this</rdf:li></rdf:Bag></dc:subject> -->
   <dc:subject><!-- the tags -->
    <?program keep?>
    <rdf:Bag>
     <rdf:li><![CDATA[<b> & c]]></rdf:li>
     <rdf:li>two<!-- or three --> words</rdf:li>
     <!-- the end -->
    </rdf:Bag>
   </dc:subject>
"""

_BAG = (
    "   <dc:subject>\n    <rdf:Bag>\n     <rdf:li>old</rdf:li>\n    </rdf:Bag>\n   </dc:subject>\n"
)

_ODD = {
    "other prefix for Dublin Core": _OTHER_PREFIXES.replace("r:", "rdf:").replace(":r=", ":rdf="),
    "other prefix for RDF": _OTHER_PREFIXES,
    "rdf as the default namespace": _DEFAULT_NAMESPACE,
    "attributes alone": _ATTRIBUTES_ALONE,
    "several descriptions": _SEVERAL,
    "empty subject": _framed("   <dc:subject/>\n"),
    "empty subject with an end tag": _framed("   <dc:subject></dc:subject>\n"),
    "subject of white space": _framed("   <dc:subject>\n   </dc:subject>\n"),
    "empty bag": _framed("   <dc:subject>\n    <rdf:Bag />\n   </dc:subject>\n"),
    "empty bag with an end tag": _framed("   <dc:subject><rdf:Bag></rdf:Bag></dc:subject>\n"),
    "sequence": _framed(_BAG.replace("rdf:Bag", "rdf:Seq")),
    "text in place of a list": _framed("   <dc:subject>one tag &amp; more</dc:subject>\n"),
    "qualified items": _framed(_QUALIFIED),
    "comments and instructions": _framed(_COMMENTED),
    "empty lists of digiKam": _framed(
        '   <d:TagsList xmlns:d="http://www.digikam.org/ns/1.0/"><rdf:Seq/></d:TagsList>\n'
    ),
    "line ends of old Macs": _framed(_BAG, line="\r"),
    "one line": _framed(_BAG.replace("\n", "").replace(" <", "<"), line=""),
    "RDF without children": (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/">\n <rdf:RDF xmlns:rdf="{_RDF}"/>\n</x:xmpmeta>\n'
    ),
    "xapmeta": _framed(_BAG).replace("xmpmeta", "xapmeta"),
}

_UTF_8 = {
    "Lightroom": LIGHTROOM,
    "Lightroom without keywords": LIGHTROOM_WITHOUT_KEYWORDS,
    "digiKam": DIGIKAM,
    "darktable": DARKTABLE,
    "exiftool": EXIFTOOL,
    "exiftool without subject": EXIFTOOL_WITHOUT_SUBJECT,
    "Capture One": CAPTURE_ONE,
    "Photo Mechanic": PHOTO_MECHANIC,
    "Bridge with padding": BRIDGE_WITH_PADDING,
    **_ODD,
}

UTF_16 = {
    "UTF-16, little end first": ("\ufeff" + DIGIKAM).encode("utf-16-le"),
    "UTF-16, big end first": ("\ufeff" + LIGHTROOM.replace("fjord", "\U0001f3d4")).encode(
        "utf-16-be"
    ),
}

SIDECARS = {
    **{name: text.encode() for name, text in _UTF_8.items()},
    **UTF_16,
    "UTF-8 with a mark": BOM_UTF8 + DARKTABLE.encode(),
    "Latin 1": (
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n' + _framed(_BAG.replace("old", "\xe9t\xe9"))
    ).encode("latin-1"),
}
"""Existing sidecars, by what is odd about them or who writes them so."""
