"""Some hundred common first names, for the smallest GPT to learn."""

from __future__ import annotations

_NAMES = """
aaron abby abigail ada adam adele adrian agnes aisha alan albert alex alexander alexandra alfred
ali alice alicia alina allison alma amanda amber amelia amira amy ana andrea andrew andy angela
anita ann anna anne annie anthony anton april ariana ariel arthur arya asha ashley astrid aubrey
audrey austin ava axel bailey barbara bastian beatrice bella ben benjamin bernard bertha beth
bianca bill blake bob boris bradley brandon brenda brian bridget brooke bruce bruno caleb cameron
camila carl carla carlos carmen carol caroline carter casey cathy cecilia charles charlotte chloe
chris christian christina claire clara claudia colin connor cora corinne craig cynthia daisy
daniel daniela danny daphne david dean deborah delia denise dennis derek diana diego dominic
donald donna dora doris dorothy douglas dylan edgar edith edward eileen elaine eleanor elena eli
elias elisa elizabeth ella ellen elliot elsa elsie emil emilia emily emma eric erica erin ernest
esther ethan eugene eva evan eve evelyn fabian faith fatima felix fernando fiona florence frances
francis frank fred freya gabriel gareth gary gavin gemma george georgia gerald gina glen gloria
gordon grace graham greta gwen hannah harold harper harriet harry harvey hazel heather hector
heidi helen helena henry herbert holly hope howard hugh hugo ian ida igor ilse imogen ines ingrid
irene iris isaac isabel isla ivan ivy jack jacob jacqueline jade james jamie jan jane janet janice
jared jasmine jason jasper jay jean jeffrey jenna jennifer jenny jeremy jerome jesse jessica jill
jim joan joanna joel johanna john jonas jonathan jordan joseph joshua joyce juan judith judy julia
julian julie june justin kai karen karim karin karl kate katherine katie kayla keith kelly kenneth
kevin kim kimberly kirsten kurt kyle lara larry laura lauren layla lea leah leila leo leon leonard
leonie leslie levi lewis liam lila lily linda lisa logan lola lorenzo lorna louis louise lucas
lucia lucy luis luke luna lydia lynn mabel madison magnus maia malcolm mara marco marcus margaret
maria marian marie marina mario marion mark marlene martha martin marvin mary mason mateo matilda
matthew maureen maurice max maya megan melanie melissa mia michael michelle miguel mila miles milo
miranda miriam mohammed molly monica morgan muriel nadia nancy naomi natalie natasha nathan neil
nelly nelson nicholas nicole nina noah noel nora norma norman oliver olivia omar oscar oskar otto
owen pablo pamela patricia patrick paul paula pedro penelope peter petra philip phoebe pierre
quentin rachel ralph ramon raul raymond rebecca rhea richard riley rita robert robin rodney roger
roland roman ronald rosa rosalie rose rosemary ross roxanne roy ruby rudolf rupert russell ruth
ryan sabrina sadie sally sam samantha samuel sandra sara sarah saskia scott sean sebastian selma
serena shane sharon sheila shirley sidney silvia simon simone sofia sonia sophie stella stephanie
stephen steven stuart susan suzanne sven sylvia tamara tanya tara teresa thea theodore theresa
thomas tiffany tim timothy tina tobias todd tom tony tracy travis trevor tristan tyler una ursula
valentina valerie vanessa vera vernon veronica victor victoria vincent viola violet virginia
vivian walter wanda warren wayne wendy wesley wilhelm william willow xavier yara yasmin yvonne
zachary zara zelda zoe
"""
FIRST_NAMES = _NAMES.split()
