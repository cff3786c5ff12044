package password

// commonWords are words that stand in passwords because they come to mind first:
// names of the thing itself, of people, teams, animals, months, wishes. The list
// was written for this program.
const commonWords = `
password passwort passwd passphrase pass word pwd secret geheim login signin logon account user username benutzer admin administrator root
system server test testing tester demo guest default changeme change welcome willkommen bienvenue hello hallo hola bonjour letmein let me in
open sesame access enter please master key keys access private secure security safe code pin number
qwerty qwertz azerty qwert asdf asdfg zxcv zxcvbn yxcv abc abcd abcde xyz qaz wsx edc
love iloveyou you i loveyou mylove lover loveme sweet sweetheart honey baby babe angel princess prince queen king kiss heart forever always
my your our the is a an to of and this that it not no yes best new old big one two three four five six seven eight nine ten first last
sunshine sun moon star stars sky rain summer winter spring autumn fall monday tuesday wednesday thursday friday saturday sunday
january february march april may june july august september october november december jan feb mar apr jun jul aug sep oct nov dec
januar februar maerz mai juni juli oktober dezember sommer herbst
monkey dragon tiger lion bear wolf eagle hawk falcon horse dog cat kitty puppy bunny rabbit fish shark snake bird chicken pony panda dolphin
butterfly flower rose lily daisy jasmine cookie chocolate banana apple orange cherry strawberry peach pepper cheese coffee pizza candy sugar
football soccer baseball basketball hockey tennis golf rugby cricket boxing racing yankees cowboys lakers bulls eagles steelers rangers
liverpool chelsea arsenal barcelona madrid juventus milan bayern everton united city
batman superman spiderman ironman pokemon pikachu mario zelda sonic starwars star wars matrix hunter ninja pirate warrior knight wizard magic
shadow ghost phoenix thunder lightning storm fire ice blade killer death devil demon hell heaven god jesus christ bible faith hope grace peace
freedom trustno trust nobody money cash rich lucky winner champion success power super hero ultra mega hyper
michael jordan jennifer jessica ashley amanda nicole daniel andrew joshua matthew anthony robert william thomas charlie george james john
david michelle maria anna emma sophia olivia peter paul mark chris alex sam max jack harry martin stefan andreas hans maggie buster ginger
samsung nokia iphone android google facebook twitter instagram linkedin amazon microsoft windows linux ubuntu oracle cisco computer internet
laptop mobile phone email mail office work job company business corp team manager finance sales support service help desk
london paris berlin newyork york boston chicago dallas texas california florida america england france germany canada mexico brazil india china
mercedes porsche ferrari bmw audi ford mustang corvette honda toyota yamaha harley kawasaki ducati
blue red green black white yellow purple silver golden gold diamond crystal rainbow happy smile cool crazy sexy hot fuck shit bitch ass
music guitar piano rock metal jazz dance party beer vodka whiskey wine
correct horse battery staple correcthorsebatterystaple
`
